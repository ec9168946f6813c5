-- Money: what the payment worker knows, and nobody else writes.

ALTER TABLE bookings
    ADD COLUMN payment_id     uuid,
    ADD COLUMN payment_state  text CHECK (payment_state IN ('open', 'success', 'failed', 'timeout', 'refunded')),
    ADD COLUMN declines       int NOT NULL DEFAULT 0,
    ADD COLUMN reason         text;
CREATE INDEX bookings_of_event ON bookings (event_id, id) WHERE status IN ('reserved', 'confirmed');

-- Vouchers for those whose event is cancelled, in per cent of what they paid.
ALTER TABLE tenants ADD COLUMN compensation_percent int NOT NULL DEFAULT 10 CHECK (compensation_percent BETWEEN 0 AND 100);
-- Whether a booking may be held for a day for a bank transfer.
ALTER TABLE events ADD COLUMN allows_bank_transfer boolean NOT NULL DEFAULT false;

CREATE TABLE payments (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    booking_id      uuid NOT NULL,
    event_id        uuid NOT NULL,
    user_id         uuid NOT NULL,
    method          text NOT NULL CHECK (method IN ('card', 'bank_transfer', 'wallet')),
    amount_minor    bigint NOT NULL CHECK (amount_minor >= 0),
    currency        char(3) NOT NULL,
    status          text NOT NULL CHECK (status IN ('pending', 'processing', 'success', 'failed', 'timeout', 'refunded', 'partially_refunded')),
    version         bigint NOT NULL,
    intent_id       text UNIQUE,
    captured_minor  bigint NOT NULL DEFAULT 0 CHECK (captured_minor IN (0, amount_minor)),
    refunded_minor  bigint NOT NULL DEFAULT 0 CHECK (refunded_minor BETWEEN 0 AND captured_minor),
    error_code      text,
    error_message   text,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
CREATE INDEX payments_of_booking ON payments (booking_id);
CREATE INDEX payments_of_user ON payments (user_id, id DESC);

-- One saga a payment. `wake_at` is when the clock looks at it again: a time-out, or the next try of a step that must be taken.
CREATE TABLE saga_instances (
    id            uuid PRIMARY KEY REFERENCES payments,
    tenant_id     uuid NOT NULL,
    booking_id    uuid NOT NULL,
    operation_id  uuid,
    state         text NOT NULL CHECK (state IN ('created', 'reserved', 'paid', 'confirmed', 'failed', 'compensating')),
    deadline_at   timestamptz NOT NULL,
    wake_at       timestamptz,
    wakes         int NOT NULL DEFAULT 0,
    trace         text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX saga_instances_awake ON saga_instances (wake_at) WHERE state NOT IN ('confirmed', 'failed');

CREATE TABLE refunds (
    id              uuid PRIMARY KEY,
    tenant_id       uuid NOT NULL,
    payment_id      uuid NOT NULL REFERENCES payments,
    booking_id      uuid NOT NULL,
    event_id        uuid NOT NULL,
    user_id         uuid NOT NULL,
    cause           text NOT NULL CHECK (cause IN ('requested', 'event_cancelled')),
    percent         int NOT NULL CHECK (percent BETWEEN 0 AND 100),
    amount_minor    bigint NOT NULL CHECK (amount_minor >= 0),
    currency        char(3) NOT NULL,
    status          text NOT NULL CHECK (status IN ('requested', 'processing', 'succeeded', 'rejected', 'failed')),
    version         bigint NOT NULL,
    gateway_id      text,
    operation_id    uuid,
    decided_by      uuid,
    error_code      text,
    error_message   text,
    requested_at    timestamptz NOT NULL,
    wake_at         timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now()
);
-- One refund at a time of a payment, and one that succeeds.
CREATE UNIQUE INDEX refunds_live ON refunds (payment_id) WHERE status IN ('requested', 'processing', 'succeeded');
CREATE INDEX refunds_of_user ON refunds (user_id, id DESC);
CREATE INDEX refunds_of_tenant ON refunds (tenant_id, id DESC);
CREATE INDEX refunds_awake ON refunds (wake_at) WHERE status = 'processing';

-- A cancelled event on its way through the queue: how many bookings are refunded, of how many.
CREATE TABLE event_cancellations (
    event_id       uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL,
    operation_id   uuid NOT NULL,
    requested_by   uuid NOT NULL,
    status         text NOT NULL CHECK (status IN ('running', 'done')),
    released       bigint NOT NULL DEFAULT 0,
    refunds        bigint NOT NULL DEFAULT 0,
    last_booking   uuid,
    wake_at        timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE vouchers (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL,
    user_id       uuid NOT NULL,
    event_id      uuid NOT NULL,
    booking_id    uuid NOT NULL UNIQUE,
    amount_minor  bigint NOT NULL CHECK (amount_minor > 0),
    currency      char(3) NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX vouchers_of_user ON vouchers (user_id);
