-- breaking: an lscoord of before cannot connect workers afterwards, so it stops first.
-- Which process, on which machine, a session belongs to: two machines with one identity are told apart, the older of
-- them is shut out, and what an older session still says counts no more. And what a worker can make grow is bounded:
-- what it does often is counted by the day, certificates and tokens go when they have been over for long.
alter table ls.worker_presence
    -- Larger is later, so that a coordinator can tell which of two sessions of a worker is the newer.
    add column connection_number bigint not null default 0,
    -- Made anew by each process; null: an lsworker of before.
    add column instance text,
    -- The machine and the state directory, as a digest; null: an lsworker of before.
    add column place text,
    -- Those that another took the place of, the last ones.
    add column replaced_instances text[] not null default '{}',
    -- Of processes that do not say which they are: how often in a row one took another's place
    -- quickly.
    add column quick_replacements integer not null default 0,
    add constraint worker_presence_counts_up_from_none check (quick_replacements between 0 and 100),
    add constraint worker_presence_instance_is_short check (octet_length(instance) <= 64 and octet_length(place) <= 64),
    add constraint worker_presence_remembers_few check (cardinality(replaced_instances) <= 16);

-- What a worker serves, it may read.
create index ranker_by_placement on ls.ranker (placed_worker_id) where placed_worker_id is not null;
create index certificate_by_end on ls.certificate (not_after);

create table ls.event_day (
    actor text not null,
    action text not null,
    day date not null,
    count bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (actor, action, day),
    constraint event_day_counts_what_happened check (count > 0)
);

alter table ls.retention drop constraint retention_is_of_a_known_thing;
alter table ls.retention add constraint retention_is_of_a_known_thing
    check (what in ('done', 'cancelled', 'dead', 'archive', 'decision', 'certificate', 'audit'));
alter table ls.retention drop constraint retention_is_given_but_for_the_archive;
alter table ls.retention add constraint retention_is_given_but_for_the_archive
    check (keep is not null or what in ('archive', 'audit'));
insert into ls.retention (what, keep) values ('certificate', '90 days'), ('audit', null);

comment on table ls.event_day is 'How often somebody did on one day (UTC) what the audit log keeps singly a hundred times at most.';

-- Rows of these have no key: who publishes them (logical replication) knows each by all of it, and
-- forgetting a user may change them.
do $$
declare
    v_part regclass;
begin
    for v_part in
        select c.oid::regclass from pg_class c
        where c.oid in ('ls.decision'::regclass, 'ls.task_archive'::regclass)
            or exists (select from pg_inherits i
                where i.inhrelid = c.oid and i.inhparent in ('ls.decision'::regclass,
                    'ls.task_archive'::regclass))
    loop
        execute format('alter table %s replica identity full', v_part);
    end loop;
end
$$;
