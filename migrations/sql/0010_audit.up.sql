-- The audit: who did what to what. Rows are only ever added; each carries a hash over itself and the row before it in its chain.

CREATE TABLE audit_logs (
    -- One chain a partition of a source topic: one copy of the worker has it at a time, and the chain's row is locked while rows are added.
    chain_id          int NOT NULL,
    seq               bigint NOT NULL CHECK (seq > 0),
    at                timestamptz NOT NULL,
    tenant_id         uuid NOT NULL,
    message_id        text NOT NULL,
    actor             text NOT NULL,
    action            text NOT NULL,
    entity            text NOT NULL,
    entity_id         text NOT NULL,
    outcome           text NOT NULL CHECK (outcome IN ('accepted', 'succeeded', 'failed')),
    -- json, not jsonb: the hash is over the bytes as they were told.
    old_values        json,
    new_values        json,
    address           text,
    agent             text,
    request_id        text,
    trace_id          text,
    source_topic      text NOT NULL,
    source_partition  int NOT NULL,
    source_offset     bigint NOT NULL,
    previous_hash     bytea NOT NULL,
    hash              bytea NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, seq, at)
) PARTITION BY RANGE (at);
-- A copy of a message has its id and its time.
CREATE UNIQUE INDEX audit_logs_message ON audit_logs (message_id, at);
-- One index a filter, each in the order of the pages.
CREATE INDEX audit_logs_time ON audit_logs (at, chain_id, seq);
CREATE INDEX audit_logs_actor ON audit_logs (actor, at, chain_id, seq);
CREATE INDEX audit_logs_action ON audit_logs (action, at, chain_id, seq);
CREATE INDEX audit_logs_entity ON audit_logs (entity, at, chain_id, seq);
CREATE INDEX audit_logs_entity_id ON audit_logs (entity_id, at, chain_id, seq);
CREATE INDEX audit_logs_tenant ON audit_logs (tenant_id, at, chain_id, seq);
CREATE INDEX audit_logs_request ON audit_logs (request_id, at, chain_id, seq) WHERE request_id IS NOT NULL;

-- The end of each chain, and how far its topic was read.
CREATE TABLE audit_chains (
    id            int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic         text NOT NULL,
    partition_id  int NOT NULL,
    seq           bigint NOT NULL DEFAULT 0,
    hash          bytea NOT NULL,
    next_offset   bigint NOT NULL DEFAULT 0,
    tenant_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, partition_id)
);

-- Months that were exported and dropped.
CREATE TABLE audit_exports (
    month         date PRIMARY KEY CHECK (extract(day FROM month) = 1),
    row_count     bigint NOT NULL,
    file          text NOT NULL,
    -- Of the NDJSON, not of its gzip.
    sha256        bytea NOT NULL,
    tenant_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

-- What holds a chain together where a month was dropped: a run of rows that are gone, with the hashes at its ends, sealed with the chain's key.
CREATE TABLE audit_anchors (
    chain_id       int NOT NULL REFERENCES audit_chains,
    from_seq       bigint NOT NULL,
    to_seq         bigint NOT NULL CHECK (to_seq >= from_seq),
    month          date NOT NULL REFERENCES audit_exports,
    previous_hash  bytea NOT NULL,
    hash           bytea NOT NULL,
    seal           bytea NOT NULL,
    tenant_id      uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chain_id, from_seq)
);

-- Against mistakes of whoever owns the table; against the owner's intent there is the chain.
CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of audit_logs are neither changed nor deleted; rushctl audit retain drops whole months' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER audit_logs_kept BEFORE UPDATE OR DELETE ON audit_logs FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_logs_not_emptied BEFORE TRUNCATE ON audit_logs FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();

-- Makes the partition of a day's month where there is none. It runs as the tables' owner, so that the worker's role need not own anything.
CREATE FUNCTION audit_month(day date) RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    first date := date_trunc('month', day)::date;
    part text := 'audit_logs_' || to_char(first, 'YYYY_MM');
BEGIN
    IF first < '2015-01-01' OR first >= '2100-01-01' THEN
        RAISE EXCEPTION 'an audited action of % is refused', day USING ERRCODE = 'datetime_field_overflow';
    END IF;
    IF to_regclass(part) IS NOT NULL THEN RETURN; END IF;
    PERFORM pg_advisory_xact_lock(7093274619);
    -- Asked of the table itself: what to_regclass remembers may be older than the lock.
    IF EXISTS (SELECT FROM pg_class WHERE relname = part AND relnamespace = 'public'::regnamespace) THEN RETURN; END IF;
    -- Exported since the transaction looked: it looks again.
    IF EXISTS (SELECT FROM audit_exports WHERE month = first) THEN
        RAISE EXCEPTION 'the audit of % was exported just now', first USING ERRCODE = 'serialization_failure';
    END IF;
    -- Attached rather than made in place: that lets reads and writes of the other months go on.
    EXECUTE format('CREATE TABLE %I (LIKE audit_logs INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', part);
    EXECUTE format(
        'ALTER TABLE audit_logs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, first::timestamp AT TIME ZONE 'UTC',
        (first + interval '1 month')::timestamp AT TIME ZONE 'UTC');
    EXECUTE format('CREATE TRIGGER audit_logs_not_emptied BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()', part);
END $$;
REVOKE ALL ON FUNCTION audit_month(date) FROM PUBLIC;

-- What the worker may: it adds and reads rows, moves the ends of chains, and has months made.
DO $$
BEGIN
    CREATE ROLE booking_audit NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;
END $$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'booking_audit', 'MEMBER') THEN EXECUTE format('GRANT booking_audit TO %I', current_user); END IF;
END $$;
GRANT SELECT, INSERT ON audit_logs TO booking_audit;
GRANT SELECT, INSERT, UPDATE ON audit_chains TO booking_audit;
GRANT SELECT ON audit_exports TO booking_audit;
GRANT EXECUTE ON FUNCTION audit_month(date) TO booking_audit;

SELECT audit_month((current_date + make_interval(months => n))::date) FROM generate_series(0, 2) AS n;
