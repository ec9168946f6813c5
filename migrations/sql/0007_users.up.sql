-- People, and what we know of them. Everything that is about a person is sealed (AES-256-GCM) with the person's own key, which is itself sealed under
-- PII_KEY: whoever deletes data_key forgets the person, also in copies and backups of this table.
CREATE TABLE users (
    id             uuid PRIMARY KEY,
    tenant_id      uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    data_key       bytea,
    email          bytea,
    -- What the address is found by: a keyed hash of its normal form. Addresses are unique over all tenants.
    email_index    bytea UNIQUE CHECK (octet_length(email_index) = 32),
    name           bytea,
    phone          bytea,
    push_endpoint  bytea,
    locale         text NOT NULL DEFAULT 'en' CHECK (locale IN ('en', 'th')),
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    CHECK ((email IS NULL) = (email_index IS NULL))
);
