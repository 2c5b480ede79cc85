-- ls.lose_home(worker, digests of feature sets, digests of weights, reason, by): what was at home with a worker, but
-- for these, is there no longer; what others have of the same bytes stays theirs. The feature sets are dropped, the weights lost (versions, figures and lineage
-- stay), and open tasks that need any of it are cancelled. Nothing is for ever: a worker that has it again offers
-- it again. Called by: offer_local_data, revoke_worker.
create or replace function ls.lose_home(p_worker_id bigint, p_kept_sets bytea[], p_kept_weights bytea[], p_reason text, p_by text)
returns void
language plpgsql
as $$
declare
    v_sets bigint[];
    v_weights bytea[];
    v_task_id bigint;
    v_version text;
    v_is_gone boolean := (select revoked_at is not null from ls.worker where worker_id = p_worker_id);
begin
    select array_agg(f.feature_set_id) into v_sets from ls.feature_set f
    where f.home_worker_id = p_worker_id and f.ready_at is not null and f.digest <> all (p_kept_sets);
    select array_agg(h.digest) into v_weights from ls.home_weights h
    where h.worker_id = p_worker_id and h.lost_at is null and h.digest <> all (p_kept_weights);
    if v_sets is null and v_weights is null and not v_is_gone then
        return;
    end if;
    for v_task_id in
        select t.task_id from ls.task t
        where t.home_worker_id = p_worker_id and t.ended_at is null and (
            exists (select from ls.task_feature_set s where s.task_id = t.task_id and s.feature_set_id = any (v_sets))
            or exists (select from ls.ranker_version v join ls.ranker r using (ranker_id)
                where v.version_id = coalesce(t.version_id, t.initial_version_id) and v.digest = any (v_weights)
                    and r.home_worker_id = p_worker_id)
            or v_is_gone)
        order by t.task_id
    loop
        perform ls.cancel_task(v_task_id, p_reason, p_by);
    end loop;
    update ls.feature_set set ready_at = null, dropped_at = clock_timestamp() where feature_set_id = any (v_sets);
    perform ls.record_often(p_by, 'lose feature set', format('feature set %s', id), p_reason) from unnest(v_sets) id;
    update ls.home_weights set lost_at = clock_timestamp(), lost_because = p_reason
    where worker_id = p_worker_id and digest = any (v_weights);
    for v_version in
        select r.name || '@' || v.number from ls.ranker_version v join ls.ranker r using (ranker_id)
        where v.digest = any (v_weights) and r.home_worker_id = p_worker_id order by v.version_id
    loop
        perform ls.record_often(p_by, 'lose weights', v_version, p_reason);
    end loop;
end
$$;
comment on function ls.lose_home(bigint, bytea[], bytea[], text, text) is
    'Notes that a worker no longer has what was at home with it, and cancels the tasks that need it.';
