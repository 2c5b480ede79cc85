-- Features come in over HTTPS, from hosts that have no rights on the database: a key may be allowed to import them. And
-- each base model may have a canary, with which a node finds out whether it still makes the same features.
alter table ls.api_key
    -- What it may do beside asking for reranks.
    add column permissions text[] not null default '{}',
    add constraint api_key_permissions_are_known check (permissions <@ array['features']);

create table ls.canary (
    base_model_id bigint primary key references ls.base_model on delete cascade,
    digest bytea not null,
    bytes bytea not null,
    set_by text not null,
    set_at timestamptz not null default clock_timestamp(),
    constraint canary_digest_is_a_sha256 check (octet_length(digest) = 32),
    constraint canary_is_small check (octet_length(bytes) between 1 and 16777216)
);
-- Half-precision numbers hardly get smaller, and are read whole.
alter table ls.canary alter column bytes set storage external;
comment on table ls.canary is 'What a node compares its own states with: recorded conversations of a base model, with their hidden states.';
