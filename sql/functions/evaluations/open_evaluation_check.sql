-- ls.open_evaluation_check(evaluation, reason, holds): a coordinator is to measure it again. Only what can be: weights and features
-- are here (whose ranker has a home, that worker alone has its weights: others' of the same digest
-- are not looked at for it), and a worker said it (what a coordinator measured itself is not asked
-- twice). Asked twice, it is one check, which holds promotions when one of the two does; one that
-- is decided stays decided (ls.reopen_evaluation_check).
-- Called by: insert_evaluation, compare_with_baseline, check_own_word, ask_for_evidence, decide_evaluation_check.
create or replace function ls.open_evaluation_check(p_evaluation_id bigint, p_reason text, p_holds boolean)
returns void
language sql
as $$
    insert into ls.evaluation_check as c (evaluation_id, version_id, feature_set_id, configuration, worker_id, reason, holds, report)
    select e.evaluation_id, e.version_id, e.feature_set_id, e.configuration, e.worker_id, p_reason, p_holds, e.report
    from ls.evaluation e
        join ls.feature_set f using (feature_set_id)
        join ls.ranker_version v using (version_id)
        join ls.ranker r using (ranker_id)
        join ls.ranker_weights w on w.digest = v.digest
    where e.evaluation_id = p_evaluation_id and e.worker_id is not null and f.home_worker_id is null and f.ready_at is not null
        and r.home_worker_id is null and w.bytes is not null
    on conflict on constraint evaluation_check_is_made_once do update set holds = true
    where excluded.holds and not c.holds and (c.decided_at is null or c.verdict = 'failed');
$$;
comment on function ls.open_evaluation_check(bigint, text, boolean) is 'Asks a coordinator to measure again what a worker reported, when it can be.';
