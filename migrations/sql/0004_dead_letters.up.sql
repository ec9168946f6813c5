-- What is known of each dead letter: an index of the DLQ topics, and what became of each. The records themselves stay in Kafka.

CREATE TABLE dead_letters (
    topic             text NOT NULL,
    partition         int NOT NULL,
    record_offset     bigint NOT NULL,
    tenant_id         uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    consumer_group    text NOT NULL,
    status            text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'redriven', 'discarded')),
    message_id        text NOT NULL,
    type              text NOT NULL,
    record_key        text NOT NULL,
    -- The beginning of the value, for the search.
    excerpt           text NOT NULL,
    value_hash        bytea NOT NULL,
    source_topic      text NOT NULL,
    source_partition  int NOT NULL,
    source_offset     bigint NOT NULL,
    error_class       text NOT NULL,
    site              text NOT NULL,
    error             text NOT NULL,
    attempts          int NOT NULL,
    first_failed_at   timestamptz NOT NULL,
    last_failed_at    timestamptz NOT NULL,
    trace_id          text,
    -- How often the message had been redriven when it failed here, and the dead letter that it was before.
    redrives          int NOT NULL DEFAULT 0,
    redrive_of        text,
    -- Who redrives it just now: a job, until when, and from where on the redrive topic its copy would be if it was sent.
    claim             text,
    claimed_until     timestamptz,
    redrive_partition int,
    redrive_from      bigint,
    -- What became of it: by whom, when and why; where its copy is, and the id of a copy with another value.
    decided_by        text,
    decided_at        timestamptz,
    reason            text,
    redriven_to       text,
    edited_as         text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition, record_offset)
);
CREATE INDEX dead_letters_open ON dead_letters (consumer_group, topic, partition, record_offset) WHERE status = 'open';
CREATE INDEX dead_letters_source ON dead_letters (consumer_group, source_topic, source_partition, source_offset);
CREATE INDEX dead_letters_message ON dead_letters (consumer_group, message_id);
CREATE INDEX dead_letters_time ON dead_letters (last_failed_at);

-- How far the index has read each partition of the DLQ topics.
CREATE TABLE dead_letter_positions (
    topic        text NOT NULL,
    partition    int NOT NULL,
    next_offset  bigint NOT NULL,
    tenant_id    uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, partition)
);
