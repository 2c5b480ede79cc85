-- ls.doubtful_refusals(worker) -> how many of the tasks whose results of this worker were refused, since it was last let in,
-- were done by a worker that is in quarantine itself: what that one showed counts against nobody.
-- Called by: count_refusals, quarantine_worker.
create or replace function ls.doubtful_refusals(p_worker_id bigint)
returns integer
language sql stable
as $$
    select count(distinct f.task_id)::integer
    from ls.worker w join ls.attempt f on f.worker_id = w.worker_id and f.state = 'failed'
        join ls.attempt s on s.task_id = f.task_id and s.state = 'succeeded' and s.worker_id <> w.worker_id
        join ls.worker o on o.worker_id = s.worker_id and o.quarantined_at is not null
    where w.worker_id = p_worker_id and exists (select from ls.audit_log a
        where a.action = 'result refused' and a.at >= f.leased_at and a.actor = 'worker ' || w.name
            and a.subject = format('task %s, attempt %s', f.task_id, f.number)
            and a.at > coalesce((select max(r.at) from ls.audit_log r where r.action = 'release worker' and r.subject = w.name), '-infinity'));
$$;
comment on function ls.doubtful_refusals(bigint) is 'How many of a worker''s refused results only a worker in quarantine showed to be its fault.';
