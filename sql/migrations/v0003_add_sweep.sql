-- Sweeps: many training configurations of one ranker on the same features, to be compared. Each
-- configuration is a training task like any other; these tables say which tasks belong together, on
-- what they are compared, and which version came out best. New tables and one index: programs of the
-- schema before go on working while this runs.

create table ls.sweep (
    sweep_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker,
    name text not null,
    -- The same ranker, features, evaluation and configurations are the same sweep.
    request_key text not null constraint sweep_is_asked_once unique,
    train_feature_set_ids bigint[] not null,
    test_feature_set_ids bigint[] not null,
    evaluation jsonb not null,
    requested_by text not null,
    requested_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    best_position integer,
    best_version_id bigint references ls.ranker_version,
    constraint sweep_name_is_short check (name ~ '^[^[:cntrl:]]{1,200}$'),
    constraint sweep_has_features check (cardinality(train_feature_set_ids) > 0 and cardinality(test_feature_set_ids) > 0),
    constraint sweep_best_is_whole check ((best_position is null) = (best_version_id is null)),
    constraint sweep_best_is_known_at_the_end check (best_version_id is null or ended_at is not null)
);
create index sweep_open_by_ranker on ls.sweep (ranker_id) where ended_at is null;
create index sweep_by_best on ls.sweep (best_version_id) where best_version_id is not null;

create table ls.sweep_entry (
    sweep_id bigint not null references ls.sweep,
    position integer not null,
    configuration jsonb not null,
    -- The task that trains it now; another one after a cancellation.
    task_id bigint not null references ls.task,
    primary key (sweep_id, position),
    constraint sweep_entry_position_starts_at_one check (position between 1 and 500)
);
create unique index sweep_entry_by_task on ls.sweep_entry (task_id);

-- Which attempts made a version: a version that only sweeps made waits for the end of its sweep.
create index attempt_by_version on ls.attempt (version_id) where version_id is not null;

comment on table ls.sweep is 'Many training configurations of one ranker, compared on the same test sets.';
comment on table ls.sweep_entry is 'The configurations of a sweep, in order, each with the task that trains it.';
