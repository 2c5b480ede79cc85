-- ls.check_own_word(version, champion, feature sets, configuration) -> whether a promotion waits. What somebody who made the version said of
-- it, or of the champion, is measured again; the promotion waits for that when ls.check_policy says so, and for every figure
-- in dispute. Called by: consider_promotion, choose_champion.
create or replace function ls.check_own_word(p_version_id bigint, p_champion_id bigint, p_feature_set_ids bigint[], p_configuration jsonb)
returns boolean
language plpgsql
as $$
begin
    -- In one order: two may open the same checks at once.
    perform ls.open_evaluation_check(o.evaluation_id, 'trained and measured', (select holds_promotions from ls.check_policy)) from (
        select e.evaluation_id from ls.evaluation e join ls.ranker_version v on v.version_id = p_version_id
        where e.version_id in (p_version_id, p_champion_id) and e.configuration = p_configuration
            and e.feature_set_id = any (p_feature_set_ids) and v.worker_id is not null and ls.serves_others(v.ranker_id, v.worker_id)
            and (e.worker_id = v.worker_id or exists (select from ls.attempt a
                where a.version_id = p_version_id and a.state = 'succeeded' and a.worker_id = e.worker_id))
        order by e.evaluation_id) o;
    return ls.waits_for_check(array[p_version_id, p_champion_id], p_feature_set_ids, p_configuration);
end
$$;
comment on function ls.check_own_word(bigint, bigint, bigint[], jsonb) is
    'Requests that figures which only a version''s trainer reported are measured again, and returns whether the promotion waits for that.';
