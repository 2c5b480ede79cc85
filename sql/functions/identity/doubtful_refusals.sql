-- ls.doubtful_refusals(worker, for, done by) -> how many of the tasks whose results of this worker
-- were refused, since it was last let in, were done by a worker that is in quarantine itself (for
-- that alone, by that worker alone; nulls: any): what that one showed counts against nobody. Read
-- off the audit log and the attempts, archived ones included: a liar may be found out a day later.
-- Called by: count_refusals, quarantine_worker.
create or replace function ls.doubtful_refusals(p_worker_id bigint, p_for text default null,
    p_done_by bigint default null)
returns integer
language sql stable
as $$
    select count(distinct r.task_id)::integer
    from ls.worker w
        cross join lateral (
            select substring(a.subject from '^task ([0-9]{1,18}), attempt ')::bigint as task_id
            from ls.audit_log a
            where a.action = 'result refused' and a.actor = 'worker ' || w.name
                and a.at > coalesce((select max(l.at) from ls.audit_log l
                    where l.action = 'release worker' and l.subject = w.name), '-infinity')) r
        cross join lateral (
            select s.worker_id from ls.attempt s where s.task_id = r.task_id
                and s.state = 'succeeded'
            union all
            select (s.value ->> 'worker_id')::bigint from ls.task_archive t,
                jsonb_array_elements(t.attempts) s
            where t.task_id = r.task_id and s.value ->> 'state' = 'succeeded') s
        join ls.worker o on o.worker_id = s.worker_id
    where w.worker_id = p_worker_id and o.worker_id <> w.worker_id
        and o.quarantined_at is not null and (p_for is null or o.quarantined_for = p_for)
        and (p_done_by is null or o.worker_id = p_done_by);
$$;
comment on function ls.doubtful_refusals(bigint, text, bigint) is
    'How many of a worker''s refused results only a worker in quarantine showed to be its fault.';
