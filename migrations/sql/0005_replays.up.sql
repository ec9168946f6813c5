-- What operators have handled again, and how far each replay is. Of many copies the one with the lease works at it.
CREATE TABLE replays (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    actor         text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('group', 'worker', 'rebuild')),
    -- The consumer group, or the projection.
    target        text NOT NULL,
    request       jsonb NOT NULL,
    status        text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'succeeded', 'failed')),
    report        jsonb,
    error         text,
    owner         text,
    leased_until  timestamptz NOT NULL DEFAULT now(),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX replays_newest ON replays (created_at DESC);
-- One rebuild of a projection at a time.
CREATE UNIQUE INDEX replays_rebuilding ON replays (target) WHERE kind = 'rebuild' AND status = 'open';

-- What a replay reads of each partition, and the offset that it reads next.
CREATE TABLE replay_ranges (
    replay_id     uuid NOT NULL REFERENCES replays ON DELETE CASCADE,
    topic         text NOT NULL,
    partition_id  int NOT NULL,
    tenant_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    from_offset   bigint NOT NULL,
    until_offset  bigint NOT NULL CHECK (until_offset >= from_offset),
    next_offset   bigint NOT NULL,
    -- Messages that were handed on, of those that were read.
    taken         bigint NOT NULL DEFAULT 0,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (replay_id, topic, partition_id)
);
