-- ls.task_progress(task ids) -> how far each task is, in the order asked; null: all that are open.
-- Called by: LedgerStore.taskProgress (the display while someone waits), an operator.
create or replace function ls.task_progress(p_task_ids bigint[] default null)
returns table (task_id bigint, kind text, state text, ranker text, version integer, progress double precision, note text,
    worker text, attempt integer, attempt_max integer, error text, result_version_id bigint, ended_at timestamptz)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select t.task_id, t.kind, t.state, r.name, v.number,
        case t.state when 'done' then 1 when 'leased' then a.progress else 0 end,
        case t.state when 'leased' then a.note else '' end,
        case when t.state in ('leased', 'done') then w.name end,
        t.attempt_count, t.attempt_count_max,
        coalesce(t.ended_because, a.error_message), a.version_id, t.ended_at
    from ls.task t
        join ls.ranker r using (ranker_id)
        left join ls.ranker_version v on v.version_id = t.version_id
        left join ls.attempt a on a.task_id = t.task_id and a.number = t.attempt_count
        left join ls.worker w on w.worker_id = a.worker_id
    where t.task_id = any (p_task_ids) or (p_task_ids is null and t.state in ('waiting', 'leased'))
    order by array_position(p_task_ids, t.task_id), t.task_id;
$$;
comment on function ls.task_progress(bigint[]) is
    'How far tasks are, who works on them and what went wrong last, in the order asked; without ids all that are open. '
    'Unknown ids have no row.';
