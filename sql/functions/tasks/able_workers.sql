-- ls.able_workers(task, but) -> the workers, but for one, that know how to do such a task and may do this one: its kind, what their owners
-- allow, neither revoked nor in quarantine, and no program of before where it takes one that combines scores with signals. Of a task at home with a worker there is no other. Whether they are there is the
-- caller's to ask. Called by: is_kept_from, may_ask_others, leaves_to_another.
create or replace function ls.able_workers(p_task_id bigint, p_but bigint)
returns setof ls.worker_presence
language sql stable
as $$
    select p.* from ls.task k, ls.worker_presence p join ls.worker w using (worker_id)
    where k.task_id = p_task_id and k.home_worker_id is null and p.worker_id <> p_but and k.kind = any (p.task_kinds)
        and w.revoked_at is null and w.quarantined_at is null
        and (p.combines_signals or not ls.needs_combining(k.kind, k.version_id))
        and (p.domains is null and p.task_byte_count_max is null or ls.task_suits(p_task_id, p.domains, p.task_byte_count_max));
$$;
comment on function ls.able_workers(bigint, bigint) is 'The workers, except one, that can do a task and whose owners allow it.';
