-- ls.evaluate_new_version(version, by): what happens to a version that was just added. It and, where
-- its figures are missing, its incumbent (ls.incumbent) are measured on the ranker's own test sets;
-- without a test set the promotion gate says at once that there is no evidence.
-- Called by: complete_training, add_version.
create or replace function ls.evaluate_new_version(p_version_id bigint, p_by text)
returns void
language plpgsql
as $$
declare
    v_ranker ls.ranker;
    v_domain text;
    v_incumbent bigint;
    v_sets bigint[];
begin
    select * into strict v_ranker from ls.ranker where ranker_id = ls.version_ranker(p_version_id);
    select name into v_domain from ls.domain where domain_id = v_ranker.domain_id;
    if not exists (select from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name)) then
        perform ls.consider_promotion(p_version_id);
        return;
    end if;
    select version_id into v_incumbent from ls.incumbent(p_version_id);
    if v_incumbent is not null then
        select array_agg(c.feature_set_id order by c.domain collate "C", c.feature_set_id) into v_sets
        from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name) c;
        perform ls.request_incumbent(v_incumbent, v_sets, ls.default_evaluation_configuration(), p_by);
    end if;
    if ls.request_evaluation(p_version_id, p_by => p_by) is null then  -- measured before: the bytes are not new
        perform ls.consider_promotion(p_version_id);
    end if;
end
$$;
comment on function ls.evaluate_new_version(bigint, text) is 'Asks for the evaluations that the promotion gate needs for a new version.';
