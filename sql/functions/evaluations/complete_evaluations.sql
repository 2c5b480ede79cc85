-- ls.complete_evaluations(workers, tokens, report_counts, digests, reports) -> one row for each result:
-- its position in the lists, and whether it counts.
-- Takes the results of several evaluate tasks in one transaction, each as ls.complete_evaluation() takes
-- one: a coordinator with many workers commits once for all that arrived together. digests and reports:
-- those of all tasks one after the other, report_counts says how many are whose. By ranker, so that two
-- callers lock rankers in one order. All or nothing: one that is refused refuses the call, and so does
-- one that would wait for a lock longer than a moment (55P03); the caller then sends each alone.
-- Called by: LedgerStore.completeEvaluations.
create or replace function ls.complete_evaluations(p_worker_ids bigint[], p_tokens uuid[], p_report_counts integer[],
    p_digests bytea[], p_reports jsonb[])
returns table (item integer, counted boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off set lock_timeout = '250ms'
as $$
declare
    v_count integer := cardinality(p_tokens);
    v_item record;
begin
    if (cardinality(p_worker_ids), cardinality(p_report_counts)) is distinct from (v_count, v_count)
        or (cardinality(p_digests), cardinality(p_reports)) is distinct from
            (select (coalesce(sum(c), 0)::integer, coalesce(sum(c), 0)::integer) from unnest(p_report_counts) c)
        or exists (select from unnest(p_report_counts) c where c is null or c < 0)
    then
        perform ls.refuse('LS001', format('cannot take %s results: found %s workers, %s counts for %s digests and %s reports',
            v_count, cardinality(p_worker_ids), cardinality(p_report_counts), cardinality(p_digests), cardinality(p_reports)));
    end if;
    for v_item in
        select i.ordinal, i.worker_id, i.token, i.last - i.count + 1 as first, i.last
        from (select u.*, sum(u.count) over (order by u.ordinal)::integer as last
                from unnest(p_worker_ids, p_tokens, p_report_counts) with ordinality u (worker_id, token, count, ordinal)) i
            left join ls.attempt a on a.token = i.token
            left join ls.task t on t.task_id = a.task_id
        order by t.ranker_id, t.task_id, i.ordinal
    loop
        item := v_item.ordinal;
        counted := ls.complete_evaluation(v_item.worker_id, v_item.token, p_digests[v_item.first : v_item.last],
            p_reports[v_item.first : v_item.last]);
        return next;
    end loop;
end
$$;
comment on function ls.complete_evaluations(bigint[], uuid[], integer[], bytea[], jsonb[]) is
    'Records the figures of several evaluations in one transaction, and returns whether each counts. When ls.complete_evaluation() would refuse one, all are refused.';
