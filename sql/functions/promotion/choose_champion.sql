-- ls.choose_champion(version, is worse, because): figures of the version at the gate's configuration were refuted, and are others now.
-- The champion of its ranker is chosen anew, on the figures that now stand:
--   a person put the champion there, or took it away   it stays so
--   nobody is champion                                 the gate decides, on evidence (ls.reconsider)
--   the champion may stay (ls.may_be_champion), and     only the version, and those that lost to it, may be better
--   it is not its figure that sank
--   otherwise                                           any version that may be champion: the best accuracy on the current test
--                                                       sets; of equals the champion, then the newest
--                                                       (never one that was no champion yet and is not proven better, log_e of 20, nor one
--                                                       that is proven worse, log_e_worse of 20, than who would serve
--                                                       without the ranker; where all are, nobody is champion)
--   none has figures                                    a champion that may stay does; another goes, and the last one that may be
--                                                       champion is measured (without test sets it is champion again)
-- Called by: decide_evaluation_check.
create or replace function ls.choose_champion(p_version_id bigint, p_is_worse boolean, p_because text)
returns void
language plpgsql
as $$
declare
    v_configuration jsonb := ls.default_evaluation_configuration();
    v_ranker ls.ranker;
    v_sets bigint[];
    v_champion bigint;
    v_chosen bigint;
    v_last ls.alias_history;
    v_may_stay boolean;
    v_is_open boolean;
    v_candidate record;
    v_judged record;
    v_refused integer := 0;
    v_reason text;
    c_by constant text := 'evaluation check';
begin
    select r.* into strict v_ranker from ls.ranker r join ls.ranker_version v using (ranker_id)
    where v.version_id = p_version_id for no key update of r;
    select * into v_last from ls.alias_history
    where ranker_id = v_ranker.ranker_id and alias = 'champion' order by alias_history_id desc limit 1;
    if ls.mover(v_last.moved_by, v_last.reason) = 'person' then
        return;
    end if;
    select version_id into v_champion from ls.ranker_alias where ranker_id = v_ranker.ranker_id and alias = 'champion';
    if v_champion is null then
        return;
    end if;
    select coalesce(array_agg(c.feature_set_id), '{}') into v_sets
    from ls.current_feature_sets(v_ranker.base_model_id,
        (select name from ls.domain where domain_id = v_ranker.domain_id), 'test', v_ranker.user_name) c;
    v_may_stay := v_champion is not null and ls.may_be_champion(v_champion);
    v_is_open := not v_may_stay or (v_champion = p_version_id and p_is_worse);
    v_reason := format('figures of version %s were wrong (%s)', (select number from ls.ranker_version where version_id = p_version_id), p_because);

    if v_is_open or ls.pooled_accuracy(v_champion, v_sets, v_configuration) is not null then
        for v_candidate in
            select v.version_id, a.accuracy from ls.ranker_version v
                cross join lateral (select ls.pooled_accuracy(v.version_id, v_sets, v_configuration) as accuracy) a
            where v.ranker_id = v_ranker.ranker_id and v.forgotten_at is null and a.accuracy is not null
                and (v_is_open or v.version_id in (v_champion, p_version_id)
                    or exists (select from ls.alias_history h where h.ranker_id = v.ranker_id and h.alias = 'champion'
                        and h.from_version_id = v.version_id and h.to_version_id = p_version_id)
                    or exists (select from ls.promotion_decision d
                        where d.version_id = v.version_id and d.champion_version_id = p_version_id and not d.promoted))
                and ls.may_be_champion(v.version_id)
            order by a.accuracy desc, v.version_id is not distinct from v_champion desc, v.number desc
        loop
            select j.missing, j.log_e, j.log_e_worse, j.threshold into v_judged from ls.judge(v_candidate.version_id, v_configuration, true) j;
            if v_judged.missing is null and v_judged.log_e_worse >= v_judged.threshold then
                v_refused := v_refused + 1;
                v_may_stay := v_may_stay and v_candidate.version_id is distinct from v_champion;
                continue;
            end if;
            -- One that never was champion has to be proven better, as anywhere.
            continue when not coalesce(v_judged.missing is null and v_judged.log_e >= v_judged.threshold, false) and not exists (
                select from ls.alias_history h where h.ranker_id = v_ranker.ranker_id and h.alias = 'champion' and h.to_version_id = v_candidate.version_id);
            -- What is to be measured again before it may be promoted is decided then.
            continue when v_candidate.version_id is distinct from v_champion
                and ls.check_own_word(v_candidate.version_id, null, v_sets, v_configuration);
            v_chosen := v_candidate.version_id;
            v_reason := format('%s; best on the figures that stand now: accuracy %s', v_reason,
                ls.percentage(v_candidate.accuracy));
            exit;
        end loop;
    end if;
    if v_chosen is null and v_may_stay then
        if cardinality(v_sets) > 0 then
            perform ls.request_evaluation(v_champion, v_sets, v_configuration, p_by => c_by);
        end if;
        return;
    end if;
    if v_chosen is null then
        select h.to_version_id into v_chosen from ls.alias_history h
        where h.ranker_id = v_ranker.ranker_id and h.alias = 'champion' and ls.may_be_champion(h.to_version_id)
        order by h.alias_history_id desc limit 1;
        if cardinality(v_sets) > 0 or v_chosen is null then
            perform ls.remove_alias(v_ranker.name, 'champion', format(case when v_refused = 0 then '%s; no version that may be champion has figures'
                else '%s; all versions with figures are proven worse than who serves without the ranker' end, v_reason), c_by);
            if v_chosen is not null then
                perform ls.request_evaluation(v_chosen, v_sets, v_configuration, p_by => c_by);
            end if;
            return;
        end if;
        v_reason := format('%s; the last champion that may be one', v_reason);
    end if;
    -- As a rollback: going back from here does not lead to what was found out.
    perform ls.set_alias(v_chosen, 'champion', v_reason, c_by, true);
    if v_chosen is distinct from v_champion then
        perform ls.reconsider(v_chosen);
    end if;
end
$$;
comment on function ls.choose_champion(bigint, boolean, text) is
    'Chooses the champion of a ranker anew after figures of one of its versions were refuted, and records why.';
