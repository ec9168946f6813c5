-- What happened, as the topics tell it, and how often. Only the analytics worker writes here.

-- One row a message, whatever number of times it comes. The month stands beside the time because a key must hold what the table is divided by; days
-- and months are those of UTC. The worker makes the partitions ahead and drops those that are older than is kept. json, not jsonb: the value stays as
-- it was sent, to the byte.
CREATE TABLE events_raw (
    month         date NOT NULL,
    id            text COLLATE "C" NOT NULL,
    type          text COLLATE "C" NOT NULL,
    tenant_id     uuid NOT NULL,
    event_id      uuid,
    occurred_at   timestamptz NOT NULL,
    quantity      bigint NOT NULL DEFAULT 0,
    amount_minor  bigint NOT NULL DEFAULT 0,
    currency      text COLLATE "C" NOT NULL DEFAULT '',
    value         json NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (month, id)
) PARTITION BY LIST (month);

-- Each row of events_raw is counted once, in the transaction that writes it. Money has a row for each currency; what has no price has currency ''.
CREATE TABLE analytics_daily (
    tenant_id         uuid NOT NULL,
    event_id          uuid NOT NULL,
    day               date NOT NULL,
    currency          text COLLATE "C" NOT NULL DEFAULT '',
    views             bigint NOT NULL DEFAULT 0,
    reservations      bigint NOT NULL DEFAULT 0,
    tickets_reserved  bigint NOT NULL DEFAULT 0,
    conversions       bigint NOT NULL DEFAULT 0,
    tickets_sold      bigint NOT NULL DEFAULT 0,
    cancellations     bigint NOT NULL DEFAULT 0,
    expiries          bigint NOT NULL DEFAULT 0,
    refunds           bigint NOT NULL DEFAULT 0,
    failed_payments   bigint NOT NULL DEFAULT 0,
    queue_joins       bigint NOT NULL DEFAULT 0,
    queue_admissions  bigint NOT NULL DEFAULT 0,
    revenue_minor     bigint NOT NULL DEFAULT 0,
    refunded_minor    bigint NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, event_id, day, currency)
) WITH (fillfactor = 50);
CREATE INDEX analytics_daily_of_day ON analytics_daily (day, tenant_id);

-- The same of each minute; the last hours are kept.
CREATE TABLE analytics_realtime (
    tenant_id         uuid NOT NULL,
    event_id          uuid NOT NULL,
    minute            timestamptz NOT NULL,
    currency          text COLLATE "C" NOT NULL DEFAULT '',
    views             bigint NOT NULL DEFAULT 0,
    reservations      bigint NOT NULL DEFAULT 0,
    tickets_reserved  bigint NOT NULL DEFAULT 0,
    conversions       bigint NOT NULL DEFAULT 0,
    tickets_sold      bigint NOT NULL DEFAULT 0,
    cancellations     bigint NOT NULL DEFAULT 0,
    expiries          bigint NOT NULL DEFAULT 0,
    refunds           bigint NOT NULL DEFAULT 0,
    failed_payments   bigint NOT NULL DEFAULT 0,
    queue_joins       bigint NOT NULL DEFAULT 0,
    queue_admissions  bigint NOT NULL DEFAULT 0,
    revenue_minor     bigint NOT NULL DEFAULT 0,
    refunded_minor    bigint NOT NULL DEFAULT 0,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, event_id, minute, currency)
) WITH (fillfactor = 50);
CREATE INDEX analytics_realtime_of_minute ON analytics_realtime (minute);
