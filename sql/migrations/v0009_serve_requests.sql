-- What answers requests: who may ask (API keys), rules that come before the chain, rankers placed on workers, and what
-- was decided, so that a served request can be explained and scored again.

create table ls.api_key (
    api_key_id text primary key,
    name text not null constraint api_key_name_is_unique unique,
    secret_sha256 bytea not null,
    -- What it may ask for; null: anything.
    users text[],
    domains text[],
    base_models text[],
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by text,
    revoked_because text,
    constraint api_key_secret_is_a_sha256 check (octet_length(secret_sha256) = 32),
    constraint api_key_name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    constraint api_key_revocation_says_who_and_why
        check ((revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_because is null))
);

create table ls.route_rule (
    route_rule_id bigint generated always as identity primary key,
    name text not null constraint route_rule_name_is_unique unique,
    action text not null,
    base_model_id bigint not null references ls.base_model,
    -- Whose requests, and of which domains; null: all.
    user_name text,
    domain_pattern text,
    -- ranker, ranker:alias or ranker@number, looked up each time.
    target text not null,
    -- Parts of 10,000.
    share integer not null,
    priority integer not null,
    added_at timestamptz not null default clock_timestamp(),
    added_by text not null,
    constraint route_rule_name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$'),
    constraint route_rule_action_is_known check (action in ('pin', 'split', 'canary', 'shadow')),
    constraint route_rule_share_is_a_part check (share between 1 and 10000),
    constraint route_rule_pins_everybody check (action <> 'pin' or share = 10000)
);
create index route_rule_in_order on ls.route_rule (base_model_id, priority, route_rule_id);

-- Where a ranker is scored rather than here; an edge-only ranker is at its home.
alter table ls.ranker add column placed_worker_id bigint references ls.worker;

create table ls.decision (
    request_id text not null,
    served_at timestamptz not null default clock_timestamp(),
    role text not null,
    model text not null,
    user_name text,
    domain text,
    version_id bigint not null,
    digest bytea not null,
    reason text not null,
    rule text,
    is_fallback boolean not null,
    worker_id bigint,
    arithmetic text not null,
    candidate_count integer not null,
    hidden_size integer not null,
    dtype text not null,
    features bytea not null,
    scores real[] not null,
    constraint decision_role_is_known check (role in ('serve', 'shadow')),
    constraint decision_scores_every_candidate check (cardinality(scores) = candidate_count)
) partition by range (served_at);
create index decision_by_request on ls.decision (request_id);
create index decision_by_user on ls.decision (user_name);
alter table ls.decision alter column features set storage external;

-- Decisions are bounded in time and in bytes.
alter table ls.retention drop constraint retention_is_of_a_known_thing;
alter table ls.retention add constraint retention_is_of_a_known_thing
    check (what in ('done', 'cancelled', 'dead', 'archive', 'decision'));
alter table ls.retention add column byte_count_max bigint;
alter table ls.retention add constraint retention_in_bytes_is_for_decisions
    check ((byte_count_max is not null) = (what = 'decision') and byte_count_max >= 0);
insert into ls.retention (what, keep, byte_count_max) values ('decision', '7 days', 1073741824);

comment on table ls.api_key is 'Who may ask for reranks, and for what; only the SHA-256 of each secret is kept.';
comment on table ls.route_rule is 'What comes before the chain: pins, A/B splits, canaries and shadows.';
comment on table ls.decision is 'A sample of the requests served, with features and scores, so that they can be scored again; a partition is an hour.';
