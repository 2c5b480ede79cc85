-- ls.upcoming_features(kinds, limit, domains, size) -> the feature sets that the first 64 waiting tasks of these kinds need, first
-- needed first, at most `limit`. What workers that are busy may fetch meanwhile. Sets and tasks that are at home
-- with somebody are not among them, nor are tasks that a worker's owner does not allow (ls.task_suits; nulls: allows any):
-- a worker hears of no set that it would not be given work on. Locks nothing. Called by: LedgerStore.upcomingFeatures.
create or replace function ls.upcoming_features(p_kinds text[], p_limit integer,
    p_domains text[] default null, p_byte_count_max bigint default null)
returns table (digest bytea, byte_count bigint, name text, domain text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
begin
    if p_limit is null or p_limit < 0 then
        perform ls.refuse('LS001', format('cannot look for %s upcoming feature sets', coalesce(p_limit::text, 'null')));
    end if;
    return query
        select f.digest, f.byte_count, d.name || ' ' || f.split, d.name
        from (select w.task_id, row_number() over () as place from (
                select t.task_id from ls.task t
                where t.state = 'waiting' and t.home_worker_id is null and t.kind = any (p_kinds) and t.run_after <= clock_timestamp()
                order by t.priority, t.turn, t.task_id limit 64) w
                where (p_domains is null and p_byte_count_max is null) or ls.task_suits(w.task_id, p_domains, p_byte_count_max)) l
            join ls.task_feature_set s on s.task_id = l.task_id
            join ls.feature_set f on f.feature_set_id = s.feature_set_id
            join ls.domain d on d.domain_id = f.domain_id
        where f.home_worker_id is null and f.ready_at is not null
        group by f.digest, f.byte_count, d.name, f.split
        order by min(l.place), f.digest limit p_limit;
end
$$;
comment on function ls.upcoming_features(text[], integer, text[], bigint) is
    'The feature sets that the next waiting tasks of these domains and sizes need, in the order of the tasks. Refuses a negative limit (LS001).';
