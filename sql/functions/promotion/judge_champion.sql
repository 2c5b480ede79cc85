-- ls.judge_champion(ranker) -> whether its champion was taken away, because it is proven worse (log_e_worse of 20) than who would serve
-- the same requests without the ranker; null: it could not be said now. That one may be another since the champion was promoted:
-- a broader ranker has learned more. Only champions that the gate put there, or a check of evaluations, are judged (ls.champion_watch).
--   nothing changed since it was looked at last   nothing happens
--   figures are missing                           they are asked for, once; when they come it is looked at again
--   the ranker's policy is manual                 nothing happens: a person decides
--   somebody would be harmed (ls.would_harm)      nothing happens: the next version to be promoted decides who keeps what
--   figures in dispute, or only the word of who   not before a coordinator has measured them again
--   made the other one
--   somebody else works on another's ranker       not now: all are locked while one goes, so that of two rankers that fall back on
--                                                 each other only one can go, and the other then falls back on something else
--   proven worse                                  no champion, with a decision that says why; the gate does not promote that version
--                                                 again by itself (ls.consider_promotion), so nothing goes back and forth
-- The caller has locked the ranker. Called by: try_champion.
create or replace function ls.judge_champion(p_ranker_id bigint)
returns boolean
language plpgsql
as $$
declare
    v_configuration jsonb := ls.default_evaluation_configuration();
    v_watch ls.champion_watch;
    v_champion_id bigint;
    v_set_ids bigint[];
    v_fallback_ids bigint[];
    v_rankers bigint[];
    v_locked_count integer;
    v_judged record;
    v_asked bigint;
    v_asked_at timestamptz;
    v_reason text;
    c_by constant text := 'promotion gate';
begin
    select * into v_watch from ls.champion_watch where ranker_id = p_ranker_id;
    select version_id into v_champion_id from ls.ranker_alias where ranker_id = p_ranker_id and alias = 'champion';
    if v_watch.ranker_id is null or v_champion_id is null then
        return false;
    end if;
    select coalesce(array_agg(i.feature_set_id order by i.feature_set_id), '{}'), coalesce(array_agg(i.version_id order by i.feature_set_id), '{}')
    into v_set_ids, v_fallback_ids from ls.incumbents(p_ranker_id, v_champion_id) i where i.is_counted;
    if v_watch.looked_at > '-infinity' and v_watch.asked_version_id is null
        and (v_watch.feature_set_ids, v_watch.fallback_version_ids) is not distinct from (v_set_ids, v_fallback_ids)
    then
        update ls.champion_watch set looked_at = clock_timestamp() where ranker_id = p_ranker_id;
        return false;
    end if;
    select * into strict v_judged from ls.judge(v_champion_id, v_configuration);
    if v_judged.missing is not null then
        v_asked := v_judged.asks_for;
        v_asked_at := v_watch.asked_at;
        -- Once: whoever cancels that, or sees it fail, redrives it. Again when it came to nothing, because the other's ranker was busy.
        if v_asked is not null and (v_asked is distinct from v_watch.asked_version_id or not exists (
            select from ls.task t join ls.ranker_version v on v.version_id = v_asked
            where t.ranker_id = v.ranker_id and t.version_id = v_asked and t.kind = 'evaluate' and t.configuration = v_configuration
                    and exists (select from ls.task_feature_set s where s.task_id = t.task_id and s.feature_set_id = any (v_judged.feature_set_ids))
                and (t.ended_at is null or t.ended_at > v_watch.asked_at)))
        then
            v_asked_at := clock_timestamp();
            -- Nobody can measure what is at home with a worker that is revoked.
            if v_asked = v_champion_id and not ls.request_incumbent(v_champion_id, v_judged.feature_set_ids, v_configuration, c_by)
                or not ls.ask_for_evidence(v_champion_id, v_asked,
                    ls.sets_to_measure(v_asked, v_champion_id, v_judged.feature_set_ids, v_judged.incumbent_version_ids), v_configuration)
            then
                v_asked := null;
            end if;
        end if;
    elsif ls.waits_for_check(v_champion_id || v_judged.incumbent_version_ids, v_judged.feature_set_ids, v_configuration) then
        v_asked := coalesce(ls.incumbent_in_check(v_judged.incumbent_version_ids, v_judged.feature_set_ids, v_configuration), v_champion_id);
    elsif v_judged.log_e_worse >= v_judged.threshold and v_judged.policy <> 'manual' and not ls.would_harm(p_ranker_id, v_judged.feature_set_ids,
        v_judged.query_counts, v_judged.widths, v_judged.version_values, v_judged.incumbent_values)
    then
        -- The other one's word of itself is measured again.
        v_asked := (select min(i) from (select distinct unnest(v_judged.incumbent_version_ids)) o (i)
            where i is not null and ls.check_own_word(i, v_champion_id, v_judged.feature_set_ids, v_configuration));
        if v_asked is null then
            v_rankers := array(select distinct v.ranker_id from ls.ranker_version v where v.version_id = any (v_judged.incumbent_version_ids));
            with locked as materialized (
                select from ls.ranker r where r.ranker_id = any (v_rankers) order by r.ranker_id for no key update skip locked
            ) select count(*) into v_locked_count from locked;
            -- Who would serve instead may have gone before it was locked.
            if v_locked_count < cardinality(v_rankers)
                or array(select i.version_id from ls.incumbents(p_ranker_id, v_champion_id) i where i.is_counted order by i.feature_set_id)
                    is distinct from v_fallback_ids
            then
                return null;
            end if;
            v_reason := format('withdrawn: %s', v_judged.words);
            insert into ls.promotion_decision (version_id, champion_version_id, promoted, withdrawn, reason, policy, margin, incumbent,
                incumbent_version_id, configuration, feature_set_ids, query_counts, widths, version_values, incumbent_values, tried_count,
                log_e, log_e_worse, mean_difference, standard_error, incumbent_version_ids)
            values (v_champion_id, v_champion_id, false, true, v_reason, v_judged.policy, v_judged.margin, v_judged.incumbent,
                v_judged.incumbent_version_id, v_configuration, v_judged.feature_set_ids, v_judged.query_counts, v_judged.widths,
                v_judged.version_values, v_judged.incumbent_values, v_judged.tried_count, v_judged.log_e, v_judged.log_e_worse,
                v_judged.mean_difference, v_judged.standard_error,
                case when exists (select from unnest(v_judged.incumbent_version_ids) i where i is distinct from v_judged.incumbent_version_id)
                    then v_judged.incumbent_version_ids end);
            perform ls.remove_alias((select name from ls.ranker where ranker_id = p_ranker_id), 'champion', v_reason, c_by);
            return true;
        end if;
    end if;
    update ls.champion_watch set feature_set_ids = v_set_ids, fallback_version_ids = v_fallback_ids, asked_version_id = v_asked, asked_at = v_asked_at, looked_at = clock_timestamp()
    where ranker_id = p_ranker_id;
    return false;
end
$$;
comment on function ls.judge_champion(bigint) is
    'Takes a champion of the promotion gate away when it is proven worse than who would serve without its ranker, and returns whether it was.';
