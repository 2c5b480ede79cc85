-- The first schema: everything the skeleton keeps. Tables say what may exist; what may happen to
-- them is decided by the functions of sql/functions, which lscoord and an admin in psql call alike.
-- Time is the database's clock. Large values (feature chunks, weights) are stored uncompressed,
-- outside the row, so that a piece of one can be read without reading the whole.

create schema if not exists ls;

-- Registry ---------------------------------------------------------------------------------------

create table ls.base_model (
    base_model_id bigint generated always as identity primary key,
    name text not null constraint base_model_name_is_unique unique,
    hidden_size integer not null,
    revision text,
    layer integer,
    layer_fraction double precision,
    norm text,
    pooling text,
    dtype text,
    template_digest text,
    registered_at timestamptz not null default clock_timestamp(),
    constraint base_model_name_is_short check (name ~ '^[^[:cntrl:]]{1,200}$'),
    constraint base_model_hidden_size_is_sensible check (hidden_size between 1 and 65536),
    constraint base_model_layer_fraction_is_a_fraction check (layer_fraction between 0 and 1)
);

create table ls.domain (
    domain_id bigint generated always as identity primary key,
    name text not null constraint domain_name_is_unique unique,
    parent_id bigint references ls.domain,
    registered_at timestamptz not null default clock_timestamp(),
    constraint domain_name_is_words_and_slashes
        check (octet_length(name) <= 120 and name ~ '^[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)*$')
);

create table ls.ranker (
    ranker_id bigint generated always as identity primary key,
    name text not null constraint ranker_name_is_unique unique,
    base_model_id bigint not null references ls.base_model,
    user_name text,
    domain_id bigint references ls.domain,
    kind text not null,
    configuration jsonb not null,
    training jsonb not null,
    registered_at timestamptz not null default clock_timestamp(),
    constraint ranker_kind_is_known check (kind in ('listwise', 'pointwise')),
    -- ':' and '@' separate an alias and a version number from the name.
    constraint ranker_name_has_no_separator check (length(name) between 1 and 400 and name !~ '[:@[:cntrl:][:space:]]'),
    constraint ranker_user_is_short check (user_name ~ '^[^[:cntrl:]]{1,200}$'),
    constraint ranker_configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
    constraint ranker_training_is_an_object check (jsonb_typeof(training) = 'object')
);
create index ranker_by_owner on ls.ranker (base_model_id, user_name, domain_id);

-- Workers and their identity ---------------------------------------------------------------------

create table ls.certificate_authority (
    only_one boolean primary key default true constraint certificate_authority_is_one check (only_one),
    certificate_pem text not null,
    public_key_sha256 bytea not null,
    set_at timestamptz not null default clock_timestamp(),
    constraint certificate_authority_key_is_a_sha256 check (octet_length(public_key_sha256) = 32)
);

create table ls.worker (
    worker_id bigint generated always as identity primary key,
    name text not null constraint worker_name_is_unique unique,
    public_key_sha256 bytea not null,
    enrolled_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    revoked_by text,
    revoked_because text,
    constraint worker_name_fits_a_certificate check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    constraint worker_key_is_a_sha256 check (octet_length(public_key_sha256) = 32),
    constraint worker_revocation_says_who_and_why
        check ((revoked_at is null) = (revoked_by is null) and (revoked_at is null) = (revoked_because is null))
);

-- What a worker says of itself, apart from ls.worker because it changes every few seconds.
create table ls.worker_presence (
    worker_id bigint primary key references ls.worker,
    connection uuid not null,
    coordinator text not null,
    program_version text not null,
    capacity integer not null,
    task_kinds text[] not null,
    connected_at timestamptz not null,
    disconnected_at timestamptz,
    seen_at timestamptz not null
) with (fillfactor = 50);

create table ls.join_token (
    join_token_id text primary key,
    worker_name text,
    secret_sha256 bytea not null,
    created_at timestamptz not null default clock_timestamp(),
    created_by text not null,
    expires_at timestamptz not null,
    used_at timestamptz,
    used_by_key bytea,
    worker_id bigint references ls.worker,
    constraint join_token_secret_is_a_sha256 check (octet_length(secret_sha256) = 32),
    constraint join_token_use_is_whole
        check ((used_at is null) = (used_by_key is null) and (used_at is null) = (worker_id is null))
);

create table ls.certificate (
    serial text primary key,
    worker_id bigint not null references ls.worker,
    not_before timestamptz not null,
    not_after timestamptz not null,
    recorded_at timestamptz not null default clock_timestamp(),
    constraint certificate_ends_after_it_begins check (not_after > not_before)
);
create index certificate_by_worker on ls.certificate (worker_id, not_after);

-- Features ---------------------------------------------------------------------------------------

create table ls.feature_set (
    feature_set_id bigint generated always as identity primary key,
    base_model_id bigint not null references ls.base_model,
    domain_id bigint not null references ls.domain,
    split text not null,
    user_name text,
    digest bytea not null constraint feature_set_digest_is_unique unique,
    byte_count bigint not null,
    label_kind text not null,
    query_count integer not null,
    response_count bigint not null,
    imported_by text not null,
    imported_at timestamptz not null default clock_timestamp(),
    ready_at timestamptz,
    dropped_at timestamptz,
    constraint feature_set_split_is_known check (split in ('train', 'test')),
    constraint feature_set_label_kind_is_known check (label_kind in ('binary', 'score')),
    constraint feature_set_digest_is_a_sha256 check (octet_length(digest) = 32),
    constraint feature_set_is_not_empty check (byte_count > 0 and query_count > 0 and response_count > 0),
    constraint feature_set_is_ready_or_dropped check (ready_at is null or dropped_at is null)
);
-- The newest ready set of a base model, domain, split and user is the current one.
create index feature_set_newest
    on ls.feature_set (base_model_id, domain_id, split, user_name, ready_at desc, feature_set_id desc)
    where ready_at is not null;

create table ls.feature_chunk (
    feature_set_id bigint not null references ls.feature_set,
    chunk_index integer not null,
    bytes bytea not null,
    primary key (feature_set_id, chunk_index),
    constraint feature_chunk_is_at_most_a_mebibyte check (octet_length(bytes) between 1 and 1048576)
);
alter table ls.feature_chunk alter column bytes set storage external;

create table ls.query (
    feature_set_id bigint not null references ls.feature_set,
    query_index integer not null,
    query_id text not null,
    level text,
    first_row bigint not null,
    candidate_count integer not null,
    positive_count integer not null,
    primary key (feature_set_id, query_index),
    constraint query_counts_are_possible
        check (first_row >= 0 and candidate_count >= 1 and positive_count between 0 and candidate_count)
);

-- Tasks and attempts -----------------------------------------------------------------------------

create table ls.task_transition (
    from_state text not null,
    to_state text not null,
    made_by text not null,
    primary key (from_state, to_state)
);
insert into ls.task_transition (from_state, to_state, made_by) values
    ('waiting', 'leased', 'lease_tasks'),
    ('waiting', 'cancelled', 'cancel_task'),
    ('leased', 'waiting', 'fail_attempt, expire_leases, release_leases'),
    ('leased', 'done', 'complete_training, complete_evaluation'),
    ('leased', 'dead', 'fail_attempt, expire_leases, release_leases'),
    ('leased', 'cancelled', 'cancel_task'),
    ('dead', 'waiting', 'redrive');

create table ls.task (
    task_id bigint generated always as identity primary key,
    kind text not null,
    state text not null default 'waiting',
    priority smallint not null default 0,
    run_after timestamptz not null default clock_timestamp(),
    attempt_count integer not null default 0,
    attempt_count_max integer not null default 5,
    ranker_id bigint not null references ls.ranker,
    version_id bigint,
    configuration jsonb not null,
    -- Two requests with one key ask for the same thing; only one of them may be open.
    request_key text not null,
    requested_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    ended_because text,
    constraint task_kind_is_known check (kind in ('train', 'evaluate')),
    constraint task_state_is_known check (state in ('waiting', 'leased', 'done', 'dead', 'cancelled')),
    constraint task_evaluates_a_version check (kind <> 'evaluate' or version_id is not null),
    constraint task_attempts_are_bounded check (attempt_count between 0 and attempt_count_max),
    constraint task_has_ended_when_final check ((ended_at is not null) = (state in ('done', 'dead', 'cancelled')))
) with (fillfactor = 70);
create unique index task_asked_once_while_open on ls.task (request_key) where state in ('waiting', 'leased');
create index task_waiting_in_order on ls.task (priority, task_id) where state = 'waiting';
create index task_by_ranker on ls.task (ranker_id, task_id);
create index task_open_by_version on ls.task (version_id) where state in ('waiting', 'leased') and version_id is not null;

create table ls.task_feature_set (
    task_id bigint not null references ls.task,
    ordinal integer not null,
    feature_set_id bigint not null references ls.feature_set,
    primary key (task_id, ordinal),
    constraint task_feature_set_is_named_once unique (task_id, feature_set_id)
);
create index task_feature_set_by_set on ls.task_feature_set (feature_set_id);

create table ls.attempt (
    task_id bigint not null references ls.task,
    number integer not null,
    token uuid not null default gen_random_uuid() constraint attempt_token_is_unique unique,
    worker_id bigint not null references ls.worker,
    state text not null default 'open',
    leased_at timestamptz not null default clock_timestamp(),
    leased_until timestamptz not null,
    progress double precision not null default 0,
    note text not null default '',
    ended_at timestamptz,
    error_code text,
    error_message text,
    version_id bigint,
    primary key (task_id, number),
    constraint attempt_number_starts_at_one check (number >= 1),
    constraint attempt_state_is_known
        check (state in ('open', 'succeeded', 'failed', 'expired', 'released', 'cancelled')),
    constraint attempt_leased_until_it_ends check ((state = 'open') = (ended_at is null)),
    constraint attempt_failure_says_why check (state not in ('failed', 'expired') or error_message is not null),
    constraint attempt_progress_is_a_fraction check (progress between 0 and 1)
) with (fillfactor = 50);
create unique index attempt_is_open_once_a_task on ls.attempt (task_id) where state = 'open';
create index attempt_open_by_worker on ls.attempt (worker_id) where state = 'open';
create unique index attempt_succeeds_once_a_task on ls.attempt (task_id) where state = 'succeeded';

-- Versions, aliases, evaluations -----------------------------------------------------------------

-- Weights by digest: two rankers trained alike on the same features share one copy.
create table ls.ranker_weights (
    digest bytea primary key,
    byte_count bigint not null,
    bytes bytea not null,
    constraint ranker_weights_digest_is_a_sha256 check (octet_length(digest) = 32),
    constraint ranker_weights_are_whole check (octet_length(bytes) = byte_count and byte_count > 0)
);
alter table ls.ranker_weights alter column bytes set storage external;

create table ls.ranker_version (
    version_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker,
    number integer not null,
    digest bytea not null references ls.ranker_weights,
    parent_version_id bigint references ls.ranker_version,
    task_id bigint references ls.task,
    attempt_number integer,
    worker_id bigint references ls.worker,
    report jsonb not null default '{}',
    added_by text not null,
    added_at timestamptz not null default clock_timestamp(),
    constraint ranker_version_number_is_unique unique (ranker_id, number),
    constraint ranker_version_digest_is_unique unique (ranker_id, digest),
    constraint ranker_version_belongs_to_its_ranker unique (ranker_id, version_id),
    constraint ranker_version_attempt_exists foreign key (task_id, attempt_number) references ls.attempt,
    constraint ranker_version_number_starts_at_one check (number >= 1)
);

alter table ls.task add column initial_version_id bigint references ls.ranker_version;
alter table ls.task add constraint task_version_exists
    foreign key (ranker_id, version_id) references ls.ranker_version (ranker_id, version_id);
alter table ls.attempt add constraint attempt_version_exists
    foreign key (version_id) references ls.ranker_version;

create table ls.version_feature_set (
    version_id bigint not null references ls.ranker_version,
    ordinal integer not null,
    feature_set_id bigint not null references ls.feature_set,
    primary key (version_id, ordinal)
);

create table ls.ranker_alias (
    ranker_id bigint not null references ls.ranker,
    alias text not null,
    version_id bigint not null,
    moved_at timestamptz not null default clock_timestamp(),
    primary key (ranker_id, alias),
    constraint ranker_alias_points_at_its_own_ranker
        foreign key (ranker_id, version_id) references ls.ranker_version (ranker_id, version_id),
    constraint ranker_alias_is_a_word check (alias ~ '^[a-z][a-z0-9_-]{0,39}$')
);

create table ls.alias_history (
    alias_history_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker,
    alias text not null,
    from_version_id bigint references ls.ranker_version,
    to_version_id bigint not null references ls.ranker_version,
    is_rollback boolean not null default false,
    reason text not null,
    moved_by text not null,
    moved_at timestamptz not null default clock_timestamp(),
    constraint alias_history_reason_is_given check (reason <> ''),
    constraint alias_history_moves check (from_version_id is distinct from to_version_id)
);
create index alias_history_by_alias on ls.alias_history (ranker_id, alias, alias_history_id desc);

create table ls.evaluation (
    evaluation_id bigint generated always as identity primary key,
    version_id bigint not null references ls.ranker_version,
    feature_set_id bigint not null references ls.feature_set,
    configuration jsonb not null,
    accuracy double precision not null,
    standard_error double precision not null,
    first_sample double precision not null,
    majority double precision,
    highest_log_probability double precision,
    oracle double precision not null,
    group_count bigint not null,
    query_count integer not null,
    candidate_count integer not null,
    groups_per_query integer not null,
    seed bigint not null,
    report jsonb not null,
    task_id bigint references ls.task,
    worker_id bigint references ls.worker,
    evaluated_at timestamptz not null default clock_timestamp(),
    constraint evaluation_is_made_once unique (version_id, feature_set_id, configuration),
    constraint evaluation_figures_are_finite check (
        'NaN' not in (accuracy, standard_error, first_sample, oracle,
            coalesce(majority, 0), coalesce(highest_log_probability, 0))
        and 'Infinity' not in (abs(accuracy), standard_error, abs(first_sample), abs(oracle),
            abs(coalesce(majority, 0)), abs(coalesce(highest_log_probability, 0)))),
    constraint evaluation_standard_error_is_not_negative check (standard_error >= 0),
    constraint evaluation_counts_are_positive
        check (group_count > 0 and query_count > 0 and candidate_count > 0 and groups_per_query > 0)
);
create index evaluation_by_feature_set on ls.evaluation (feature_set_id);

create table ls.promotion_decision (
    promotion_decision_id bigint generated always as identity primary key,
    version_id bigint not null references ls.ranker_version,
    champion_version_id bigint references ls.ranker_version,
    promoted boolean not null,
    reason text not null,
    decided_at timestamptz not null default clock_timestamp()
);
create index promotion_decision_by_version on ls.promotion_decision (version_id);

create table ls.audit_log (
    audit_log_id bigint generated always as identity primary key,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    reason text not null
);

-- What each table is for -------------------------------------------------------------------------

comment on schema ls is 'Language System: base models, rankers, versions, features, tasks, leases, evaluations.';
comment on table ls.base_model is 'One frozen base model and its feature contract: what makes two features comparable.';
comment on table ls.domain is 'A kind of request with its own best ranker, such as math/algebra; the parent is the broader domain.';
comment on table ls.ranker is 'The line of models for one user and/or domain.';
comment on table ls.certificate_authority is 'The one authority whose certificates workers carry; its key never enters the database.';
comment on table ls.worker is 'One enrolled edge process, known by its certificate.';
comment on table ls.worker_presence is 'What each worker last said of itself, and when it was last seen.';
comment on table ls.join_token is 'Single-use invitations for workers; only the SHA-256 of each secret is kept.';
comment on table ls.certificate is 'Every certificate issued to a worker.';
comment on table ls.feature_set is 'An ordered, immutable list of queries of one base model, domain and split, named by the SHA-256 of its file.';
comment on table ls.feature_chunk is 'The bytes of a feature file as imported, in pieces of 1 MiB, the last one shorter.';
comment on table ls.query is 'One instruction and its pool of responses: which rows of the feature set are its own.';
comment on table ls.task_transition is 'The allowed pairs of task states; whatever is not listed is refused.';
comment on table ls.task is 'Work to be done: train a ranker, or evaluate a version.';
comment on table ls.task_feature_set is 'The feature sets of a task, in order.';
comment on table ls.attempt is 'One try of a task by one worker, with its lease and fencing token.';
comment on table ls.ranker_weights is 'The bytes of weights files, named by their SHA-256.';
comment on table ls.ranker_version is 'One frozen set of weights of a ranker, numbered from 1, and where it came from.';
comment on table ls.version_feature_set is 'The feature sets a version was trained on, in order.';
comment on table ls.ranker_alias is 'Named pointers to versions: champion, challenger.';
comment on table ls.alias_history is 'Every move of an alias, with who and why.';
comment on table ls.evaluation is 'How one version did on one feature set with one evaluation configuration.';
comment on table ls.promotion_decision is 'Every answer of the promotion gate, promoted or not, with the figures it rests on.';
comment on table ls.audit_log is 'Alias moves, tokens, revocations, cancellations and redrives, with who and why.';
