-- ls.task_progress(task ids, limit) -> how far each task is, archived ones too, in the order asked; null: those that are
-- open, so many of them (null: all), those that are worked on first. An id that no task has gives no row.
-- Called by: LedgerStore.taskProgress (the display while someone waits), an operator.
create or replace function ls.task_progress(p_task_ids bigint[] default null, p_limit integer default null)
returns table (task_id bigint, kind text, state text, ranker text, version integer, progress double precision, note text,
    worker text, attempt integer, attempt_max integer, error text, result_version_id bigint, ended_at timestamptz)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- In one dimension, whatever came.
    v_asked bigint[] := case when p_task_ids is not null then array(select unnest(p_task_ids)) end;
    v_ids bigint[] := v_asked;
begin
    if v_ids is null then
        select array_agg(o.task_id) into v_ids from (
            select a.task_id from ls.attempt a where a.state = 'open'
            union all select t.task_id from ls.task t where t.state = 'waiting'
            union all select t.task_id from ls.task t where t.state = 'blocked'
            limit p_limit) o;
    end if;
    -- Names are looked up one by one: joined, they make the planner read a million rankers in order.
    return query
        select p.* from (
            select t.task_id, t.kind, t.state,
                coalesce((select r.name from ls.ranker r where r.ranker_id = t.ranker_id), t.configuration ->> 'pattern'),
                (select v.number from ls.ranker_version v where v.version_id = t.version_id),
                case t.state when 'done' then 1 when 'leased' then a.progress when 'blocked' then coalesce((
                    select count(d.met_at)::double precision / nullif(count(*), 0) from ls.task_dependency d where d.task_id = t.task_id), 0) else 0 end,
                case t.state when 'leased' then a.note when 'blocked' then coalesce((
                    select format('waits for %s', string_agg(d.needs_task_id::text, ', ' order by d.needs_task_id))
                    from ls.task_dependency d where d.task_id = t.task_id and d.met_at is null), '')
                    when 'waiting' then coalesce((select format('waits for worker %s, its home', w.name) from ls.worker w where w.worker_id = t.home_worker_id), '')
                    else '' end,
                case when t.state in ('leased', 'done') then (select w.name from ls.worker w where w.worker_id = a.worker_id) end,
                t.attempt_count, t.attempt_count_max, coalesce(t.ended_because, a.error_message), a.version_id, t.ended_at
            from ls.task t left join ls.attempt a on a.task_id = t.task_id and a.number = t.attempt_count
            where t.task_id = any (v_ids)
            union all
            select t.task_id, t.kind, t.state,
                coalesce((select r.name from ls.ranker r where r.ranker_id = t.ranker_id), t.configuration ->> 'pattern'),
                (select v.number from ls.ranker_version v where v.version_id = t.version_id),
                case t.state when 'done' then 1 else 0 end, '',
                case t.state when 'done' then (select w.name from ls.worker w where w.worker_id = (t.attempts -> -1 ->> 'worker_id')::bigint) end,
                t.attempt_count, t.attempt_count_max, coalesce(t.ended_because, t.attempts -> -1 ->> 'error_message'),
                (t.attempts -> -1 ->> 'version_id')::bigint, t.ended_at
            from ls.task_archive t where t.task_id = any (v_ids)
            ) p (task_id, kind, state, ranker, version, progress, note, worker, attempt, attempt_max, error, result_version_id, ended_at)
        order by array_position(v_asked, p.task_id), p.task_id;
end
$$;
comment on function ls.task_progress(bigint[], integer) is
    'The progress of tasks, their workers and their last errors, in the given order; without ids, of the open tasks up to a limit. '
    'Unknown ids have no row.';
