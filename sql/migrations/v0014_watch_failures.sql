-- What one worker says of a task is one worker's word. So it is kept, for each task and worker, what became of it there;
-- a second worker's word settles it. And a worker that fails one task after the other is left alone for a while.

-- Failures of one task with one worker; goes with the task, and when the task is redriven.
create table ls.task_trial (
    task_id bigint not null references ls.task on delete cascade,
    worker_id bigint not null references ls.worker,
    failure_count integer not null default 0,
    -- It said that it is no use to try again, or its result was refused.
    is_final boolean not null default false,
    first_failed_at timestamptz,
    last_failed_at timestamptz,
    -- The program that does not know how to do this task; null: it said no such thing.
    unknown_to_version text,
    primary key (task_id, worker_id),
    constraint task_trial_times_are_whole
        check ((failure_count > 0) = (first_failed_at is not null) and (first_failed_at is null) = (last_failed_at is null))
);
create index task_trial_by_worker on ls.task_trial (worker_id, first_failed_at) where first_failed_at is not null;

-- Results that were refused and may be the task's fault, until another worker's result of the task is taken
-- (counted_at) or the task has no such end. What is counted is added to the worker's own count and goes.
create table ls.refusal (
    task_id bigint not null references ls.task on delete cascade,
    worker_id bigint not null references ls.worker,
    reason text not null,
    refused_at timestamptz not null default clock_timestamp(),
    counted_at timestamptz,
    primary key (task_id, worker_id)
);
create index refusal_by_worker on ls.refusal (worker_id);
create index refusal_counted on ls.refusal (worker_id) where counted_at is not null;

alter table ls.worker
    add column paused_until timestamptz,
    add column paused_because text,
    -- Pauses one after the other, without a success between them: each is twice as long.
    add column pause_count integer not null default 0,
    -- Failures before this count no more.
    add column failures_since timestamptz,
    add constraint worker_pause_says_why check ((paused_until is null) = (paused_because is null));

comment on table ls.task_trial is 'What became of a task with one worker: how often it failed there, and what the worker said.';
comment on table ls.refusal is 'Refused results that count against a worker only when another worker does the task.';
