-- ls.task_queue: the open tasks in the order in which they will be or were handed out.
create or replace view ls.task_queue as
select t.task_id, t.kind, t.state, t.priority, coalesce(r.name, t.configuration ->> 'pattern') as ranker, v.number as version,
    (select string_agg(d.name || ' ' || f.split, ', ' order by tf.ordinal) from ls.task_feature_set tf
        join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id) where tf.task_id = t.task_id) as feature_sets,
    t.attempt_count as attempt, t.attempt_count_max as attempt_max, w.name as worker,
    round((100 * a.progress)::numeric) as progress_percent, a.note, a.leased_until,
    greatest(t.run_after - clock_timestamp(), interval '0') as starts_in, t.owner,
    (select array_agg(x.needs_task_id order by x.needs_task_id) from ls.task_dependency x
        where x.task_id = t.task_id and x.met_at is null) as blocked_on,
    t.requested_by, t.requested_at, e.sweep_id, e.position as sweep_position, hw.name as home,
    (select array_agg(n.name order by n.name) from ls.task_trial u join ls.worker n using (worker_id)
        where u.task_id = t.task_id and u.unknown_to_version is not null) as unknown_to
from ls.task t
    left join ls.ranker r using (ranker_id)
    left join ls.ranker_version v on v.version_id = t.version_id
    left join ls.attempt a on a.task_id = t.task_id and a.state = 'open'
    left join ls.worker w on w.worker_id = a.worker_id
    left join ls.sweep_entry e on e.task_id = t.task_id
    left join ls.worker hw on hw.worker_id = t.home_worker_id
where t.state in ('blocked', 'waiting', 'leased')
order by array_position(array['leased', 'waiting', 'blocked'], t.state), t.priority, t.turn, t.task_id;
comment on view ls.task_queue is 'Open tasks in the order they are handed out: who works on them, how far, what waits and what is blocked on what.';
