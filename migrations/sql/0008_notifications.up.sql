-- What was told to whom: one row for each thing, template and version of the thing, kept for ever, so that nothing is told twice however often its event
-- comes. No address stands here.
--
-- sending    about to be sent, or sent and the answer lost: it goes again, with the same message_id
-- sent       the server took it
-- failed     it never will: no address, a bad one, or refused
-- skipped    it came too late to be of use
-- given_up   "later" too often; it stands among the dead letters, and is sent if it is redriven
CREATE TABLE notifications (
    id           uuid PRIMARY KEY,
    tenant_id    uuid NOT NULL,
    user_id      uuid NOT NULL,
    event_id     uuid NOT NULL,
    entity_type  text NOT NULL CHECK (entity_type IN ('booking', 'payment', 'queue_entry')),
    entity_id    uuid NOT NULL,
    template     text NOT NULL,
    version      bigint NOT NULL,
    channel      text NOT NULL CHECK (channel IN ('email', 'sms', 'push')),
    status       text NOT NULL CHECK (status IN ('sending', 'sent', 'failed', 'skipped', 'given_up')),
    reason       text,
    message_id   text NOT NULL,
    attempts     int NOT NULL DEFAULT 1,
    sent_at      timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    UNIQUE (entity_id, template, version)
);
CREATE INDEX notifications_of_user ON notifications (user_id, id DESC);
CREATE INDEX notifications_sending ON notifications (template, updated_at) WHERE status = 'sending';

-- The clock looks for shows that begin within a day.
CREATE INDEX shows_to_come ON shows (starts_at);
CREATE INDEX bookings_of_show ON bookings (show_id) WHERE status = 'confirmed';
