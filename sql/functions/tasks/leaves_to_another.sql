-- ls.leaves_to_another(task, worker) -> whether this worker is not to have the evaluate task yet: it trained the version, others are
-- served by its ranker, and another worker that is connected, may do it and has a free place is there to measure it. Called by: lease_tasks, of
-- tasks that have not waited long.
create or replace function ls.leaves_to_another(p_task_id bigint, p_worker_id bigint)
returns boolean
language sql stable
as $$
    select exists (select from ls.task t join ls.ranker_version v on v.version_id = t.version_id
            where t.task_id = p_task_id and v.worker_id = p_worker_id and ls.serves_others(t.ranker_id, p_worker_id))
        and exists (select from ls.able_workers(p_task_id, p_worker_id) p
                join ls.worker w using (worker_id)
            where ls.is_connected(p.disconnected_at, p.seen_at, clock_timestamp())
                and (w.paused_until is null or w.paused_until <= clock_timestamp())
                and (select count(*) from ls.attempt a where a.worker_id = p.worker_id
                    and a.state = 'open') < p.capacity);
$$;
comment on function ls.leaves_to_another(bigint, bigint) is 'Whether a version that a worker trained is better measured by another, who is there.';
