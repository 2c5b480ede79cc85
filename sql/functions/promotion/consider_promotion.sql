-- ls.consider_promotion(version, configuration) -> true promoted, false kept, null not decided yet.
-- The promotion gate: makes the version champion when the evidence against its incumbent is enough (ls.judge: log_e of 20 or
-- more, alpha 0.05), or not, and records which and why, with all that is needed to decide it again.
--   policy 'better' (default)  it is better than who would serve without it: its champion, the next of the route chain, or
--                              the first sample. A first version faces it, too
--   policy 'not_worse'         it is not worse than the anchor by more than the margin; a first version has to be better
--   policy 'manual'            never by itself
--   worse for some             users and narrower domains that it is proven to harm (ls.strata) keep the version they have (ls.exemption).
--                              When these are more than 10 % of the queries it is not promoted
--   no test set, few queries   never by itself: there is no evidence
--   has been champion before   never by itself: someone rolled it back, and may promote it by hand (not so when a coordinator
--                              did, which measured figures again, or chose the champion last)
--   figures in dispute         not before a coordinator has measured them again; those that could not be measured
--                              hold on while ls.check_policy says so (ls.reopen_evaluation_check)
--   trained and measured by one worker, for others than its own users: a coordinator measures again, right after or, when
--                              ls.check_policy says so, before
--   made in quarantine alone   never by itself
-- Figures of the incumbent that are missing are asked for; their arrival decides (ls.promotion_wait). Figures that say nothing of
-- single queries are measured again by a coordinator. With another configuration than the default it is a person who
-- asks, and who asks again when they are there.
-- Called by: evaluate_new_version, reconsider, settle_promotions, an operator.
create or replace function ls.consider_promotion(p_version_id bigint, p_configuration jsonb default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_ranker ls.ranker;
    v_version ls.ranker_version;
    v_champion_id bigint;
    v_judged record;
    v_promoted boolean;
    v_reason text;
    v_versions bigint[];
    v_before ls.exemption[];
    v_decision_id bigint;
    v_taken_by text;
    v_moved_by text;
begin
    select * into v_ranker from ls.ranker where ranker_id = ls.version_ranker(p_version_id)
        for no key update;
    -- who was waited for may have been a user's forgetting
    perform ls.version_ranker(p_version_id);
    select * into strict v_version from ls.ranker_version where version_id = p_version_id;
    select version_id into v_champion_id from ls.ranker_alias where ranker_id = v_ranker.ranker_id and alias = 'champion';
    if v_champion_id = p_version_id then
        return null;
    end if;
    select ls.mover(moved_by, reason) into v_taken_by from ls.alias_history
    where ranker_id = v_ranker.ranker_id and alias = 'champion' and from_version_id = p_version_id
    order by alias_history_id desc limit 1;
    select ls.mover(moved_by, reason) into v_moved_by from ls.alias_history
    where ranker_id = v_ranker.ranker_id and alias = 'champion' order by alias_history_id desc limit 1;
    -- Where the evaluation check chose last, what the gate said before counts no more; what a person said does.
    if v_taken_by = 'person' or (v_taken_by <> 'check' and v_moved_by <> 'check') then
        return null;
    end if;
    select * into v_judged from ls.judge(p_version_id, v_configuration);
    v_versions := array[p_version_id, v_judged.incumbent_version_id] || v_judged.incumbent_version_ids;
    if ls.waits_for_check(v_versions, v_judged.feature_set_ids, v_configuration)
        or (v_judged.asks_for is not null and ls.ask_for_evidence(p_version_id, v_judged.asks_for,
            ls.sets_to_measure(v_judged.asks_for, p_version_id, v_judged.feature_set_ids, v_judged.incumbent_version_ids), v_configuration))
    then
        -- Of several incumbents the one whose figures are missing, or are measured again.
        perform ls.await_incumbent(p_version_id, coalesce(nullif(v_judged.asks_for, p_version_id),
            ls.incumbent_in_check(v_judged.incumbent_version_ids, v_judged.feature_set_ids, v_configuration), v_judged.incumbent_version_id), v_configuration);
        return null;
    end if;

    v_promoted := v_judged.missing is null and v_judged.policy <> 'manual' and v_judged.log_e >= v_judged.threshold
        and not v_judged.is_too_harmful;
    v_reason := v_judged.words;
    if v_promoted and ls.made_in_quarantine(p_version_id) then
        v_promoted := false;
        v_reason := format('not by itself: worker ''%s'', which trained it, is in quarantine',
            (select name from ls.worker where worker_id = v_version.worker_id));
    elsif v_promoted and (select bool_or(ls.check_own_word(p_version_id, i, v_judged.feature_set_ids, v_configuration))
        from (select distinct unnest(v_judged.incumbent_version_ids) as i) c)
    then
        perform ls.await_incumbent(p_version_id, coalesce(ls.incumbent_in_check(v_judged.incumbent_version_ids, v_judged.feature_set_ids, v_configuration), v_judged.incumbent_version_id), v_configuration);
        return null;
    end if;
    insert into ls.promotion_decision (version_id, champion_version_id, promoted, reason, policy, margin, incumbent, incumbent_version_id,
        configuration, feature_set_ids, query_counts, widths, version_values, incumbent_values, tried_count, log_e, log_e_worse,
        mean_difference, standard_error, incumbent_version_ids, harmed_count)
    values (p_version_id, v_champion_id, v_promoted, v_reason, v_judged.policy, v_judged.margin, v_judged.incumbent,
        v_judged.incumbent_version_id, v_configuration, v_judged.feature_set_ids, v_judged.query_counts, v_judged.widths,
        case when v_judged.missing is null then v_judged.version_values end, case when v_judged.missing is null then v_judged.incumbent_values end,
        v_judged.tried_count, v_judged.log_e, v_judged.log_e_worse, v_judged.mean_difference, v_judged.standard_error,
        -- Only where it is not the incumbent everywhere.
        case when exists (select from unnest(v_judged.incumbent_version_ids) i where i is distinct from v_judged.incumbent_version_id)
            then v_judged.incumbent_version_ids end, v_judged.harmed_count)
    returning promotion_decision_id into v_decision_id;
    insert into ls.promotion_stratum (promotion_decision_id, ordinal, user_name, domain_id, set_places, query_count, mean_difference, log_e_worse, is_harmed)
    select v_decision_id, s.ordinal, s.user_name, s.domain_id, s.set_places, s.query_count, s.mean_difference, s.log_e_worse, s.is_harmed
    from jsonb_to_recordset(v_judged.strata) s (ordinal integer, user_name text, domain_id bigint, set_places integer[], query_count integer,
        mean_difference double precision, log_e_worse double precision, is_harmed boolean);
    delete from ls.promotion_wait where version_id = p_version_id;
    if v_promoted then
        -- Whom the champion before harmed; its exemptions end with it.
        v_before := array(select e from ls.exemption e where e.ranker_id = v_ranker.ranker_id);
        perform ls.set_alias(p_version_id, 'champion', v_reason, 'promotion gate');
        perform ls.exempt_harmed(v_decision_id, v_before);
    end if;
    return v_promoted;
end
$$;
comment on function ls.consider_promotion(bigint, jsonb) is
    'The promotion gate: makes a version the champion when the evidence says that it is better than who would serve without it, '
    'but for those whom it would harm, and records why. Returns true (promoted), false (not) or null (it waits for figures, or has been champion before). Refuses '
    'an unknown version (LS013).';
