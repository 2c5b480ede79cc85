-- ls.consider_promotion(version, configuration) -> true promoted, false kept, null not decided yet.
-- The promotion gate: moves alias champion to the version, or not, and records which and why.
--   no champion yet            the first evaluated version, or the first at all without test sets
--   same test sets, K, seed    a newer version that is not worse; an older one only if it is better
--   has been champion before   never by itself: someone rolled it back, and may promote it by hand (not so when a coordinator
--                              did, which measured figures again, or chose the champion last)
--   figures in dispute         not before a coordinator has measured them again; those that could not be measured
--                              hold on while ls.check_policy says so (ls.reopen_evaluation_check)
--   trained and measured by one worker, for others than its own users: a coordinator measures again, right after or, when
--                              ls.check_policy says so, before
--   made in quarantine alone   never by itself
-- The champion's figures are asked for when they are missing; their arrival decides. With another
-- configuration than the default it is a person who asks, and who asks again when they are there.
-- Called by: evaluate_new_version, complete_evaluation, an operator.
create or replace function ls.consider_promotion(p_version_id bigint, p_configuration jsonb default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_ranker ls.ranker;
    v_sets bigint[];
    v_version ls.ranker_version;
    v_champion ls.ranker_version;
    v_mine double precision;
    v_theirs double precision;
    v_promoted boolean;
    v_reason text;
    v_taken_by text;
    v_moved_by text;
begin
    select * into v_ranker from ls.ranker where ranker_id = ls.version_ranker(p_version_id)
        for no key update;
    -- who was waited for may have been a user's forgetting
    perform ls.version_ranker(p_version_id);
    select * into strict v_version from ls.ranker_version where version_id = p_version_id;
    select v.* into v_champion from ls.ranker_alias a join ls.ranker_version v using (version_id)
    where a.ranker_id = v_ranker.ranker_id and a.alias = 'champion';
    if v_champion.version_id = p_version_id then
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
    select coalesce(array_agg(c.feature_set_id), '{}') into v_sets
    from ls.current_feature_sets(v_ranker.base_model_id,
        (select name from ls.domain where domain_id = v_ranker.domain_id), 'test', v_ranker.user_name) c;
    v_mine := ls.pooled_accuracy(p_version_id, v_sets, v_configuration);
    if cardinality(v_sets) > 0 and v_mine is null then
        return null;
    end if;

    if ls.waits_for_check(array[p_version_id, v_champion.version_id], v_sets, v_configuration) then
        return null;
    end if;

    if v_champion.version_id is null then
        v_promoted := true;
        v_reason := case when cardinality(v_sets) = 0 then 'first version, not measured: there is no test feature set'
            else format('first evaluated version: accuracy %s', ls.percentage(v_mine)) end;
    elsif cardinality(v_sets) = 0 then
        v_promoted := false;
        v_reason := 'kept the champion: there is no test feature set to compare on';
    else
        v_theirs := ls.pooled_accuracy(v_champion.version_id, v_sets, v_configuration);
        if v_theirs is null then
            perform ls.request_evaluation(v_champion.version_id, v_sets, v_configuration, p_by => 'consider_promotion');
            return null;
        end if;
        v_promoted := v_mine > v_theirs or (v_mine = v_theirs and v_version.number > v_champion.number);
        v_reason := format('%s: accuracy %s, champion version %s has %s, on the same %s feature '
            'set(s), K %s, seed %s',
            case when v_promoted then 'not worse than the champion' else 'kept the champion' end,
            ls.percentage(v_mine, v_theirs), v_champion.number, ls.percentage(v_theirs, v_mine),
            cardinality(v_sets),
            coalesce(v_configuration ->> 'candidate_count', '?'), coalesce(v_configuration ->> 'seed', '?'));
    end if;
    if v_promoted and ls.made_in_quarantine(p_version_id) then
        v_promoted := false;
        v_reason := format('not by itself: worker ''%s'', which trained it, is in quarantine',
            (select name from ls.worker where worker_id = v_version.worker_id));
    elsif v_promoted and ls.check_own_word(p_version_id, v_champion.version_id, v_sets, v_configuration) then
        return null;
    end if;
    insert into ls.promotion_decision (version_id, champion_version_id, promoted, reason)
    values (p_version_id, v_champion.version_id, v_promoted, v_reason);
    if v_promoted then
        perform ls.set_alias(p_version_id, 'champion', v_reason, 'promotion gate');
    end if;
    return v_promoted;
end
$$;
comment on function ls.consider_promotion(bigint, jsonb) is
    'The promotion gate: makes a version the champion if it is not worse on the same groups, and records why. Returns true (promoted), false (not promoted) or null (figures are missing, or the version has been champion before). Refuses an unknown '
    'version (LS013).';
