-- The catalogue: who sells what, when and where.

CREATE TABLE tenants (
    id          uuid PRIMARY KEY,
    slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$'),
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE categories (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    slug        text NOT NULL UNIQUE,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE venues (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    name        text NOT NULL,
    city        text NOT NULL,
    country     char(2) NOT NULL,
    time_zone   text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE events (
    id                    uuid PRIMARY KEY,
    tenant_id             uuid NOT NULL REFERENCES tenants,
    category_id           uuid REFERENCES categories,
    venue_id              uuid REFERENCES venues,
    slug                  text NOT NULL UNIQUE,
    title                 text NOT NULL,
    description           text NOT NULL DEFAULT '',
    status                text NOT NULL CHECK (status IN ('draft', 'published', 'cancelled')),
    min_age               int NOT NULL DEFAULT 0 CHECK (min_age BETWEEN 0 AND 120),
    max_tickets_per_user  int NOT NULL DEFAULT 4 CHECK (max_tickets_per_user BETWEEN 1 AND 100),
    sale_opens_at         timestamptz NOT NULL,
    deleted_at            timestamptz,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX events_listed ON events (sale_opens_at, id) WHERE status = 'published' AND deleted_at IS NULL;

CREATE TABLE shows (
    id                uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL REFERENCES tenants,
    event_id          uuid NOT NULL REFERENCES events,
    starts_at         timestamptz NOT NULL,
    ends_at           timestamptz NOT NULL CHECK (ends_at > starts_at),
    sale_closes_at    timestamptz NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX shows_of_event ON shows (event_id, starts_at);

-- The counts are a projection: Redis decides, inventory-sync writes what booking.events say, version by version.
CREATE TABLE seat_zones (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL REFERENCES tenants,
    event_id        uuid NOT NULL REFERENCES events,
    show_id         uuid NOT NULL REFERENCES shows,
    name            text NOT NULL,
    price_minor     bigint NOT NULL CHECK (price_minor >= 0),
    currency        char(3) NOT NULL,
    seating         text NOT NULL CHECK (seating IN ('general', 'numbered')),
    capacity        bigint NOT NULL CHECK (capacity > 0),
    available       bigint NOT NULL,
    held            bigint NOT NULL DEFAULT 0,
    sold            bigint NOT NULL DEFAULT 0,
    counts_version  bigint NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX seat_zones_of_show ON seat_zones (show_id, name);

CREATE TABLE seats (
    id          uuid PRIMARY KEY,
    tenant_id   uuid NOT NULL REFERENCES tenants,
    zone_id     uuid NOT NULL REFERENCES seat_zones,
    position    int NOT NULL CHECK (position >= 0),
    section     text NOT NULL,
    row_label   text NOT NULL,
    number      text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (zone_id, position),
    UNIQUE (zone_id, section, row_label, number)
);
