-- Ended tasks leave the tables in which work is done, so that those stay as small as the work is, however
-- many tasks there have ever been. A month's ended tasks are one partition, which goes as a whole.
-- References to tasks from what they made become plain numbers: the task may be in the archive, or pruned.

create table ls.task_archive (
    task_id bigint not null,
    kind text not null,
    state text not null,
    priority smallint not null,
    ranker_id bigint,
    version_id bigint,
    initial_version_id bigint,
    configuration jsonb not null,
    feature_set_ids bigint[] not null,
    owner text not null,
    requested_by text not null,
    requested_at timestamptz not null,
    attempt_count integer not null,
    attempt_count_max integer not null,
    ended_at timestamptz not null,
    ended_because text,
    -- One object an attempt: number, worker_id, state, leased_at, ended_at, error_code, error_message, version_id.
    attempts jsonb not null,
    constraint task_archive_state_is_final check (state in ('done', 'dead', 'cancelled'))
) partition by range (ended_at);
create index task_archive_by_id on ls.task_archive (task_id);
create index task_archive_by_ranker on ls.task_archive (ranker_id);
create index task_archive_by_end on ls.task_archive (ended_at);

-- How many tasks the archive has ever taken in, so that nobody has to count them.
create table ls.task_archive_count (
    kind text not null,
    state text not null,
    tasks bigint not null,
    primary key (kind, state)
);
-- The same for the attempts of each worker.
create table ls.worker_archive_count (
    worker_id bigint primary key references ls.worker on delete cascade,
    succeeded bigint not null,
    failed bigint not null
);

-- How long ended tasks stay at hand, by state, and how long a month stays in the archive (null: for ever).
create table ls.retention (
    what text primary key,
    keep interval,
    constraint retention_is_of_a_known_thing check (what in ('done', 'cancelled', 'dead', 'archive')),
    constraint retention_is_given_but_for_the_archive check (keep is not null or what = 'archive'),
    constraint retention_is_not_negative check (keep >= interval '0')
);
insert into ls.retention values ('done', '1 hour'), ('cancelled', '1 hour'), ('dead', '30 days'), ('archive', null);

alter table ls.ranker_version drop constraint ranker_version_attempt_exists;
alter table ls.ranker_version drop constraint ranker_version_task_id_fkey;
alter table ls.evaluation drop constraint evaluation_task_id_fkey;

-- Never archived: tasks of a sweep, whose results are read off them, and trainings that made no new version,
-- which say that a sweep's version was also asked for outside it (sql/functions/is_withheld.sql).
alter table ls.task add column stays boolean not null default false;
update ls.task t set stays = true
where exists (select from ls.sweep_entry e where e.task_id = t.task_id)
    or exists (select from ls.attempt a join ls.ranker_version v using (version_id) where a.task_id = t.task_id and v.task_id is distinct from t.task_id);
create index task_to_archive on ls.task (state, ended_at) where ended_at is not null and not stays;
create index task_ended on ls.task (state) where ended_at is not null;
create index task_dead on ls.task (ended_at) where state = 'dead';
create index task_blocked on ls.task (task_id) where state = 'blocked';
create index attempt_by_time on ls.attempt (leased_at);
create index attempt_by_worker on ls.attempt (worker_id, state);
create index evaluation_by_version on ls.evaluation (version_id);
-- Whose ranker of what: nobody is '', every domain is 0, so that one look-up finds each.
create index ranker_by_owner_and_domain on ls.ranker (base_model_id, coalesce(user_name, ''), coalesce(domain_id, 0));
create index domain_by_name_in_order on ls.domain (name collate "C");
create index worker_presence_connected on ls.worker_presence (seen_at) where disconnected_at is null;

comment on table ls.task_archive is 'Tasks that ended a while ago, one row each with all attempts; a partition is a month.';
comment on table ls.task_archive_count is 'How many tasks of each kind and end the archive has ever taken in.';
comment on table ls.worker_archive_count is 'How many archived attempts of each worker succeeded or failed.';
comment on table ls.retention is 'How long ended tasks stay at hand, and months stay in the archive.';
