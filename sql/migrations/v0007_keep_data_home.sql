-- Data that stays where it is: feature sets whose bytes never leave a worker's machine, rankers whose weights
-- do not, and what each worker's owner allows. Work on them is only for the worker that has them.

-- What an admin said of a worker when it was invited; label 'user' says whose data it may offer.
alter table ls.join_token
    add column labels jsonb not null default '{}',
    add constraint join_token_labels_are_an_object check (jsonb_typeof(labels) = 'object');
alter table ls.worker
    add column labels jsonb not null default '{}',
    add constraint worker_labels_are_an_object check (jsonb_typeof(labels) = 'object');
-- What the worker's owner allows; null: anything.
alter table ls.worker_presence
    add column domains text[],
    add column task_byte_count_max bigint;

-- Where the bytes are; null: here.
alter table ls.feature_set add column home_worker_id bigint references ls.worker;
create index feature_set_by_home on ls.feature_set (home_worker_id, ready_at) where home_worker_id is not null;
-- An edge-only ranker: the worker that trains it and keeps its weights.
alter table ls.ranker add column home_worker_id bigint references ls.worker;
create index ranker_by_home on ls.ranker (home_worker_id) where home_worker_id is not null;
-- The digest and size of weights that are elsewhere.
alter table ls.ranker_weights alter column bytes drop not null;
create table ls.home_weights (
    digest bytea primary key references ls.ranker_weights on delete cascade,
    worker_id bigint not null references ls.worker,
    lost_at timestamptz,
    lost_because text,
    constraint home_weights_loss_says_why check ((lost_at is null) = (lost_because is null))
);
create index home_weights_by_worker on ls.home_weights (worker_id);

-- The one worker that may have the task; null: any.
alter table ls.task add column home_worker_id bigint references ls.worker;
drop index ls.task_waiting_in_turn;
create index task_waiting_in_turn on ls.task (priority, turn, task_id) where state = 'waiting' and home_worker_id is null;
create index task_waiting_at_home on ls.task (home_worker_id, priority, turn, task_id)
    where state = 'waiting' and home_worker_id is not null;
create index task_open_at_home on ls.task (home_worker_id) where ended_at is null and home_worker_id is not null;

comment on table ls.home_weights is 'Weights that are on a worker''s disk and nowhere else, and since when they are lost.';
