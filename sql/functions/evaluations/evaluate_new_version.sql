-- ls.evaluate_new_version(version, by): what happens to a version that was just added. It and, where
-- its figures are missing, the champion are measured on the ranker's own test sets; without a
-- test set the promotion gate decides at once.
-- Called by: complete_training, add_version.
create or replace function ls.evaluate_new_version(p_version_id bigint, p_by text)
returns void
language plpgsql
as $$
declare
    v_ranker ls.ranker;
    v_domain text;
    v_champion bigint;
begin
    select * into strict v_ranker from ls.ranker where ranker_id = ls.version_ranker(p_version_id);
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    if not exists (select from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name)) then
        perform ls.consider_promotion(p_version_id);
        return;
    end if;
    select version_id into v_champion from ls.ranker_alias where ranker_id = v_ranker.ranker_id and alias = 'champion';
    if v_champion is not null and v_champion <> p_version_id then
        perform ls.request_evaluation(v_champion, p_by => p_by);
    end if;
    if ls.request_evaluation(p_version_id, p_by => p_by) is null then  -- measured before: the bytes are not new
        perform ls.consider_promotion(p_version_id);
    end if;
end
$$;
comment on function ls.evaluate_new_version(bigint, text) is 'Asks for the evaluations that the promotion gate needs for a new version.';
