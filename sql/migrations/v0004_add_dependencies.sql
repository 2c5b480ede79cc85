-- Tasks that wait for other tasks, kinds of task with limits of their own, turns between users, tags and
-- notes, and what forgetting a user leaves behind. Programs of the schema before must stop first only
-- because the functions change; the tables keep everything they hold.

-- Kinds of task, with what an admin may set for each (ls.set_task_limits).
create table ls.task_kind (
    kind text primary key,
    -- Handed to workers; a matrix is not: its evaluations are.
    is_leased boolean not null,
    -- How long one attempt may take, however often its lease is renewed.
    deadline interval not null,
    attempt_count_max integer not null,
    constraint task_kind_deadline_is_sensible check (deadline between interval '1 ms' and interval '30 days'),
    constraint task_kind_attempts_are_bounded check (attempt_count_max between 1 and 100)
);
insert into ls.task_kind (kind, is_leased, deadline, attempt_count_max) values
    ('train', true, '6 hours', 5),
    ('evaluate', true, '1 hour', 5),
    ('matrix', false, '30 days', 1);

alter table ls.task drop constraint task_kind_is_known;
alter table ls.task add constraint task_kind_is_known foreign key (kind) references ls.task_kind;
alter table ls.task drop constraint task_state_is_known;
alter table ls.task add constraint task_state_is_known
    check (state in ('blocked', 'waiting', 'leased', 'done', 'dead', 'cancelled'));
-- A matrix is of many rankers.
alter table ls.task alter column ranker_id drop not null;
alter table ls.task add constraint task_has_a_ranker check ((kind = 'matrix') = (ranker_id is null));

-- Fairness: whose task it is, and its place in the line (sql/functions/next_turn.sql).
alter table ls.task add column owner text not null default '';
alter table ls.task add column turn bigint not null default 0;

drop index ls.task_asked_once_while_open;
create unique index task_asked_once_while_open on ls.task (request_key) where state in ('blocked', 'waiting', 'leased');
drop index ls.task_waiting_in_order;
create index task_waiting_in_turn on ls.task (priority, turn, task_id) where state = 'waiting';
create index task_waiting_by_owner on ls.task (owner, kind, priority, turn) where state = 'waiting';
drop index ls.task_open_by_version;
create index task_open_by_version on ls.task (version_id)
    where state in ('blocked', 'waiting', 'leased') and version_id is not null;

-- What a blocked task waits for. A row stays when it is met, and says when.
create table ls.task_dependency (
    task_id bigint not null references ls.task on delete cascade,
    needs_task_id bigint not null references ls.task on delete cascade,
    met_at timestamptz,
    primary key (task_id, needs_task_id),
    constraint task_dependency_is_on_another_task check (task_id <> needs_task_id)
);
create index task_dependency_by_needed on ls.task_dependency (needs_task_id);

insert into ls.task_transition (from_state, to_state, made_by) values
    ('blocked', 'waiting', 'meet_dependency'),
    ('blocked', 'done', 'advance_matrix'),
    ('blocked', 'dead', 'advance_matrix'),
    ('blocked', 'cancelled', 'cancel_task'),
    ('dead', 'blocked', 'redrive');
-- The end of an attempt's time; a lease is never renewed past it.
alter table ls.attempt add column ends_by timestamptz not null default 'infinity';
create index attempt_open_by_lease on ls.attempt (leased_until) where state = 'open';

-- Tags and notes of rankers, and of single versions.
create table ls.tag (
    tag_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker,
    version_id bigint,
    key text not null,
    value text not null,
    set_by text not null,
    set_at timestamptz not null default clock_timestamp(),
    constraint tag_is_set_once unique nulls not distinct (ranker_id, version_id, key),
    constraint tag_is_of_its_own_ranker
        foreign key (ranker_id, version_id) references ls.ranker_version (ranker_id, version_id),
    constraint tag_key_is_a_word check (key ~ '^[a-z][a-z0-9_.-]{0,99}$'),
    constraint tag_value_is_short check (length(value) <= 2000)
);
create index tag_by_value on ls.tag (key, value);

create table ls.note (
    note_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker,
    version_id bigint,
    text text not null,
    written_by text not null,
    written_at timestamptz not null default clock_timestamp(),
    constraint note_is_of_its_own_ranker
        foreign key (ranker_id, version_id) references ls.ranker_version (ranker_id, version_id),
    constraint note_says_something check (length(text) between 1 and 20000)
);
create index note_by_ranker on ls.note (ranker_id, note_id);

-- A version of a shared ranker that learned from a user who is forgotten keeps its number and nothing else.
alter table ls.ranker_version alter column digest drop not null;
alter table ls.ranker_version add column forgotten_at timestamptz;
alter table ls.ranker_version add constraint ranker_version_has_weights_unless_forgotten
    check ((digest is null) = (forgotten_at is not null));
-- An alias may be taken away. And its moves refer to versions together with their ranker, whose index is there.
alter table ls.alias_history alter column to_version_id drop not null;
alter table ls.alias_history drop constraint alias_history_from_version_id_fkey, drop constraint alias_history_to_version_id_fkey;
alter table ls.alias_history
    add constraint alias_history_moves_from_its_own_ranker
        foreign key (ranker_id, from_version_id) references ls.ranker_version (ranker_id, version_id),
    add constraint alias_history_moves_to_its_own_ranker
        foreign key (ranker_id, to_version_id) references ls.ranker_version (ranker_id, version_id);


-- What deleting a version, a ranker or a feature set has to look up.
create index ranker_version_by_parent on ls.ranker_version (parent_version_id) where parent_version_id is not null;
create index ranker_version_by_digest on ls.ranker_version (digest);
create index version_feature_set_by_set on ls.version_feature_set (feature_set_id);
create index task_by_initial_version on ls.task (initial_version_id) where initial_version_id is not null;
create index promotion_decision_by_champion on ls.promotion_decision (champion_version_id);
create index feature_set_by_user on ls.feature_set (user_name) where user_name is not null;
create index ranker_by_user on ls.ranker (user_name) where user_name is not null;

comment on table ls.task_kind is 'Kinds of task: whether workers do them, how long an attempt may take and how many there may be.';
comment on table ls.task_dependency is 'Which tasks a task waits for, and since when each is met.';
comment on table ls.tag is 'Key and value pairs on rankers and versions, for people and programs to find them by.';
comment on table ls.note is 'What people wrote about a ranker or a version; never changed.';
