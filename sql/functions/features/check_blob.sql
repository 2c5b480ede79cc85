-- ls.check_blob(worker, digest): refuses a download (LS014) unless the worker needs the bytes: a feature set or weights of a
-- task it holds a lease of, or weights of a ranker that is placed on it. Weights that are at home with a worker are never read here:
-- it named the digest, and may have named anybody's. A digest that nobody has and one that is not for this worker read the
-- same. What a worker was told to fetch ahead, its coordinator knows.
-- Called by: LedgerStore.checkBlob, when a download begins and once a second.
create or replace function ls.check_blob(p_worker_id bigint, p_digest bytea)
returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
begin
    if not exists (
            select from ls.attempt a join ls.task_feature_set s using (task_id) join ls.feature_set f using (feature_set_id)
            where a.worker_id = p_worker_id and a.state = 'open' and f.digest = p_digest)
        and not exists (
            select from ls.attempt a join ls.task t using (task_id)
                join ls.ranker_version v on v.version_id = coalesce(t.version_id, t.initial_version_id)
                join ls.ranker r on r.ranker_id = v.ranker_id
            where a.worker_id = p_worker_id and a.state = 'open' and v.digest = p_digest and r.home_worker_id is null)
        and not exists (
            select from ls.ranker r join ls.ranker_version v using (ranker_id)
            where r.placed_worker_id = p_worker_id and r.home_worker_id is null and v.digest = p_digest)
    then
        perform ls.refuse('LS014', format('cannot read %s…: no feature set or weights of this digest are stored here for worker ''%s''',
            coalesce(ls.short_digest(p_digest), 'null'), (select name from ls.worker where worker_id = p_worker_id)),
            'a worker may read what its tasks need, what it was told to fetch ahead, and rankers that are placed on it');
    end if;
end
$$;
comment on function ls.check_blob(bigint, bytea) is
    'Refuses (LS014) bytes that neither a task leased to this worker nor a ranker placed on it needs.';
