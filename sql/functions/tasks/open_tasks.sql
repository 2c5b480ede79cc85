-- ls.open_tasks(rankers) -> the tasks that have to end before it is known what became of these rankers: their own open ones, and
-- the open evaluations of the incumbents whose figures the promotion gate waits for. Called by: LedgerStore.openTasks.
create or replace function ls.open_tasks(p_rankers text[])
returns bigint[]
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(o.task_id), '{}') from (
        select t.task_id from ls.ranker r join ls.task t using (ranker_id)
        where r.name = any (p_rankers) and t.state in ('blocked', 'waiting', 'leased')
        union
        select t.task_id from ls.ranker r join ls.ranker_version v using (ranker_id)
            join ls.promotion_wait w using (version_id)
            join ls.ranker_version i on i.version_id = w.incumbent_version_id
            join ls.task t on t.ranker_id = i.ranker_id and t.version_id = i.version_id
        where r.name = any (p_rankers) and t.kind = 'evaluate' and t.state in ('blocked', 'waiting', 'leased')) o;
$$;
comment on function ls.open_tasks(text[]) is
    'The open tasks of some rankers, and the evaluations that promotion decisions on their versions wait for.';
