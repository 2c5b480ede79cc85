-- ls.decide_evaluation_check(check, verdict, because, found) -> whether it was open: what a coordinator found when it measured again.
--   confirmed   the worker was right as far as rounding goes: the coordinator's figures take the place of its own, under its name,
--               and what needs no ranker is known for good
--   refuted     the coordinator's figures take their place; the worker is in quarantine, and whom
--               it had brought there is not (ls.quarantine_worker); all that it measured for others
--               is measured again; the ranker's champion is chosen anew, and
--               housekeeping judges all champions anew that are judged on this test set (ls.judge_champions)
--   failed      it could not be measured again: nothing is known, and nobody is blamed; what it holds waits on
-- Then the promotion gate looks again. What it cannot decide is in the audit log, and undoes nothing. Decided before: nothing
-- happens, so that two coordinators may come to an end.
-- Called by: claim_evaluation_check, LedgerStore.decideEvaluationCheck.
create or replace function ls.decide_evaluation_check(p_check_id bigint, p_verdict text, p_because text, p_found jsonb default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_check ls.evaluation_check;
    v_old ls.evaluation;
    v_ranker ls.ranker;
    v_step text;
    v_now timestamptz := clock_timestamp();
begin
    if p_verdict is null or p_verdict not in ('confirmed', 'refuted', 'failed') or coalesce(p_because, '') = ''
        or (p_verdict <> 'failed' and jsonb_typeof(p_found) is distinct from 'object')
    then
        perform ls.refuse('LS001', format('cannot decide check %s: expected confirmed, refuted or failed, a reason, and what was found', p_check_id));
    end if;
    -- The worker before its tasks, they before rankers, those before checks: as refuse_result and complete_evaluation. Two
    -- who decide the same wait for each other at the worker.
    perform from ls.worker w join ls.evaluation_check c using (worker_id) where c.evaluation_check_id = p_check_id for no key update of w;
    select * into v_check from ls.evaluation_check where evaluation_check_id = p_check_id;
    if v_check.decided_at is not null or not found then
        return false;
    end if;
    if p_verdict = 'refuted' then
        perform ls.quarantine_worker(v_check.worker_id, format('what it measured was measured again: %s', p_because));
    end if;
    select r.* into strict v_ranker from ls.ranker r
    where r.ranker_id = ls.version_ranker(v_check.version_id) for no key update;
    update ls.evaluation_check set decided_at = v_now, verdict = p_verdict, because = p_because,
        found = p_found - '{query_values,method_query_values}'::text[], report = report - 'method_query_values'
    where evaluation_check_id = p_check_id;
    if p_verdict <> 'failed' then
        perform ls.keep_baseline(v_check.feature_set_id, v_check.configuration,
            (select label_kind from ls.feature_set where feature_set_id = v_check.feature_set_id), p_found, null, v_now);
    end if;
    if p_verdict = 'refuted' then
        perform ls.record_audit('lscoord', 'refute evaluation', (select format('%s@%s, feature set %s', v_ranker.name, v.number, v_check.feature_set_id)
            from ls.ranker_version v where v.version_id = v_check.version_id), p_because);
        delete from ls.evaluation where evaluation_id = v_check.evaluation_id returning * into v_old;
        if found then
            perform ls.insert_evaluation(v_old.version_id, v_old.feature_set_id, v_old.configuration, p_found, v_old.task_id, null);
        end if;
        perform ls.open_evaluation_check(e.evaluation_id, 'reopened', false)
        from ls.evaluation e join ls.ranker_version v using (version_id)
        where e.worker_id = v_check.worker_id and ls.serves_others(v.ranker_id, v_check.worker_id)
        -- Those that serve now first.
        order by not exists (select from ls.ranker_alias a where a.ranker_id = v.ranker_id and a.version_id = v.version_id), e.evaluation_id;
        -- Champions of other rankers, too, may rest on what it said of the first sample, or of who would serve without them.
        insert into ls.champion_move (ranker_id, feature_set_id)
        select v_ranker.ranker_id, v_check.feature_set_id where v_check.configuration = ls.default_evaluation_configuration();
        -- So may what was not promoted because of that, the newest of many first.
        insert into ls.promotion_wait (version_id, incumbent_version_id)
        select d.version_id, v_check.version_id
        from (select p.version_id, max(p.promotion_decision_id) as promotion_decision_id from ls.promotion_decision p
                where not p.promoted and not p.withdrawn and p.feature_set_ids @> array[v_check.feature_set_id]
                    and p.configuration = v_check.configuration and p.version_id <> v_check.version_id
                    and (p.incumbent_version_id = v_check.version_id or p.incumbent_version_ids @> array[v_check.version_id]
                        or p.incumbent = 'first sample' or array_position(p.incumbent_version_ids, null) is not null)
                group by p.version_id) d
            join ls.ranker_version v on v.version_id = d.version_id and v.forgotten_at is null
        where v_check.configuration = ls.default_evaluation_configuration()
        order by d.promotion_decision_id desc limit 1000
        on conflict do nothing;
    elsif p_verdict = 'confirmed' then
        delete from ls.evaluation where evaluation_id = v_check.evaluation_id returning * into v_old;
        if found then  -- the same row: its id, task and worker stay
            insert into ls.evaluation overriding system value
            select (jsonb_populate_record(v_old, coalesce((select jsonb_object_agg(key, value) from jsonb_each(p_found)
                where key in ('accuracy', 'standard_error', 'first_sample', 'majority', 'highest_log_probability', 'oracle', 'query_values')), '{}')
                || jsonb_build_object('report', p_found - '{query_values,method_query_values}'::text[]))).*;
            update ls.evaluation_check set evaluation_id = v_old.evaluation_id where evaluation_check_id = p_check_id;
        end if;
    end if;
    if v_check.configuration = ls.default_evaluation_configuration() then
        foreach v_step in array case p_verdict when 'refuted' then '{choose champion,reconsider}' else '{reconsider}' end::text[] loop
            begin
                if v_step = 'reconsider' then
                    perform ls.reconsider(v_check.version_id);
                else
                    perform ls.choose_champion(v_check.version_id,
                        coalesce((p_found ->> 'accuracy')::double precision < (v_check.report ->> 'accuracy')::double precision, true), p_because);
                end if;
            -- Whoever loses a race tries again from the start; what else goes wrong here undoes nothing of the above.
            exception
                when serialization_failure or deadlock_detected or lock_not_available then raise;
                when others then
                    perform ls.record_audit('lscoord', 'not decided', format('%s: %s', v_ranker.name, v_step), sqlerrm);
            end;
        end loop;
    end if;
    return true;
end
$$;
comment on function ls.decide_evaluation_check(bigint, text, text, jsonb) is
    'Records what a coordinator found when it measured an evaluation again, and returns whether the check was open. Wrong figures are replaced, their worker is put into quarantine, and decisions that rest on them are made again. Refuses an unknown verdict (LS001).';
