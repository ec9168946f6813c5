-- The jobs of operators: what the ops worker was asked for, how far it is and what came of it. Of many copies the one with the lease works at it.
-- json, not jsonb: what is sent again must be what was exported, to the byte.
CREATE TABLE ops_jobs (
    id            uuid PRIMARY KEY,
    tenant_id     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    user_id       uuid NOT NULL,
    type          text NOT NULL,
    command       json NOT NULL,
    trace         text NOT NULL DEFAULT '',
    status        text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'succeeded', 'failed')),
    -- Whether those who wait for the operation were told how it ended.
    told          boolean NOT NULL DEFAULT false,
    progress      json,
    report        json,
    error_code    text,
    error_message text,
    -- How often it failed by itself and was begun anew.
    failures      int NOT NULL DEFAULT 0,
    owner         text,
    leased_until  timestamptz NOT NULL DEFAULT now(),
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ops_jobs_open ON ops_jobs (created_at) WHERE NOT told;
