-- What the workers write of bookings. Nothing here decides; a row is applied only when its version is higher than the one that stands.

CREATE TABLE bookings (
    id                uuid PRIMARY KEY,
    tenant_id         uuid NOT NULL,
    event_id          uuid NOT NULL,
    show_id           uuid NOT NULL,
    zone_id           uuid NOT NULL,
    user_id           uuid NOT NULL,
    quantity          int NOT NULL CHECK (quantity > 0),
    seat_ids          uuid[] NOT NULL DEFAULT '{}',
    unit_price_minor  bigint NOT NULL,
    total_minor       bigint NOT NULL,
    currency          char(3) NOT NULL,
    status            text NOT NULL CHECK (status IN ('reserved', 'confirmed', 'cancelled', 'expired', 'refunded')),
    version           bigint NOT NULL,
    expires_at        timestamptz NOT NULL,
    idempotency_key   text NOT NULL,
    body_hash         text NOT NULL,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL
);
CREATE INDEX bookings_of_user ON bookings (user_id, id DESC);
CREATE INDEX bookings_of_zone ON bookings (zone_id) WHERE status IN ('reserved', 'confirmed');
CREATE INDEX bookings_due ON bookings (expires_at) WHERE status = 'reserved';

CREATE TABLE operations (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    user_id        uuid NOT NULL,
    type           text NOT NULL,
    resource       text NOT NULL,
    status         text NOT NULL CHECK (status IN ('succeeded', 'failed')),
    version        bigint NOT NULL,
    error_code     text,
    error_message  text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

-- One row a message that a consumer group has dealt with, and the messages that follow from it: the transactional outbox.
CREATE TABLE inbox (
    consumer_group  text NOT NULL,
    message_id      text NOT NULL,
    tenant_id       uuid NOT NULL,
    derived         jsonb NOT NULL DEFAULT '[]',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, message_id)
);

-- How far each projection is, written in the transaction of its rows. A projection serves all tenants, hence the nil tenant.
CREATE TABLE projection_offsets (
    consumer_group  text NOT NULL,
    topic           text NOT NULL,
    partition_id    int NOT NULL,
    next_offset     bigint NOT NULL,
    tenant_id       uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition_id)
);
