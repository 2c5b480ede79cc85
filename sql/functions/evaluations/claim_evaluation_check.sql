-- ls.claim_evaluation_check(seconds) -> one evaluation for this coordinator to measure again, with all it needs; no row: none waits.
-- For so many seconds nobody else gets it: a coordinator that dies leaves it to the others. One that was claimed three times and never
-- decided is left alone for an hour, with the reason, and opened once more: coordinators that were killed may be no fault of its own.
-- What cannot be measured any more (its weights or features are gone), or was claimed a fourth time in vain, has failed: that is no
-- word against its worker.
-- What holds a promotion comes first. Called by: LedgerStore.claimEvaluationCheck.
create or replace function ls.claim_evaluation_check(p_seconds double precision)
returns table (evaluation_check_id bigint, weights_digest bytea, features_digest bytea, features_byte_count bigint,
    configuration jsonb, report jsonb, ranker text, worker text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_id bigint;
    v_claim_count integer;
    v_first bigint[];
    v_now timestamptz := clock_timestamp();
begin
    if p_seconds is null or p_seconds not between 1 and 86400 then
        perform ls.refuse('LS001', format('cannot claim a check for %s seconds', coalesce(p_seconds::text, 'null')));
    end if;
    -- The first hundred in order alone: looking at all of a long queue at each claim would take longer than measuring.
    v_first := array(select c.evaluation_check_id from ls.evaluation_check c
        where c.decided_at is null and (c.claimed_until is null or c.claimed_until < v_now)
        order by c.holds desc, (c.reason = 'sample' or c.reason = 'reopened'), c.evaluation_check_id limit 100);
    -- Before anything is locked here: ls.decide_evaluation_check() locks in an order of its own.
    select c.evaluation_check_id, c.claim_count into v_id, v_claim_count from ls.evaluation_check c
    where c.evaluation_check_id = any (v_first) and (c.claim_count >= 4 or not ls.can_measure_again(c.evaluation_check_id))
    order by c.evaluation_check_id limit 1;
    if found then
        perform ls.decide_evaluation_check(v_id, 'failed', case when v_claim_count < 4
            then 'its weights or its features are not here'
            else 'four coordinators began to measure it, the last an hour after the others, and none came to an end: each was stopped or took too long' end);
    end if;
    -- Waits an hour: set here, and by nobody else while it is not decided.
    update ls.evaluation_check c set claimed_until = v_now + interval '1 hour',
        because = 'three coordinators began to measure it and none came to an end: each was stopped or took too long; one more tries after an hour'
    where c.evaluation_check_id in (select d.evaluation_check_id from ls.evaluation_check d
        where d.evaluation_check_id = any (v_first) and d.claim_count = 3 and d.because is null and d.decided_at is null
        for update skip locked);
    select c.evaluation_check_id into v_id from ls.evaluation_check c
    where c.evaluation_check_id = any (v_first) and c.decided_at is null and (c.claimed_until is null or c.claimed_until < v_now)
        and c.claim_count < 4 and ls.can_measure_again(c.evaluation_check_id)
    order by c.holds desc, (c.reason = 'sample' or c.reason = 'reopened'), c.evaluation_check_id
    limit 1 for update skip locked;
    if not found then
        return;
    end if;
    update ls.evaluation_check c set claim_count = c.claim_count + 1, claimed_until = v_now + make_interval(secs => p_seconds)
    where c.evaluation_check_id = v_id;
    return query
        select c.evaluation_check_id, v.digest, f.digest, f.byte_count, c.configuration,
            -- Whose word is what is known of single queries is held to that, too.
            case when b.evaluation_id is null then '{}' else jsonb_build_object('method_query_values', ls.method_query_values(b)) end
                || c.report || jsonb_build_object('query_values', to_jsonb(e.query_values)), r.name || '@' || v.number, k.name
        from ls.evaluation_check c
            join ls.evaluation e using (evaluation_id)
            join ls.ranker_version v on v.version_id = c.version_id
            join ls.ranker r on r.ranker_id = v.ranker_id
            join ls.feature_set f on f.feature_set_id = c.feature_set_id
            join ls.worker k on k.worker_id = c.worker_id
            left join ls.baseline b on b.feature_set_id = c.feature_set_id and b.configuration = c.configuration
                and b.evaluation_id = c.evaluation_id and b.confirmed_at is null
        where c.evaluation_check_id = v_id;
end
$$;
comment on function ls.claim_evaluation_check(double precision) is
    'Gives a coordinator one evaluation to measure again, for the given seconds; no row when none waits. Refuses a time outside 1 to 86400 seconds (LS001).';
