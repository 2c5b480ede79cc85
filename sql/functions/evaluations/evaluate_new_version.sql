-- ls.evaluate_new_version(version, by): what happens to a version that was just added. It and, where
-- their figures are missing, its incumbents (ls.incumbents) are measured on the ranker's own test sets;
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
    for v_incumbent, v_sets in
        select i.version_id, array_agg(i.feature_set_id order by i.domain collate "C", i.feature_set_id)
        from ls.incumbents(v_ranker.ranker_id, p_version_id) i
        where i.is_counted and i.version_id is not null group by i.version_id order by i.version_id
    loop
        perform ls.request_incumbent(v_incumbent, v_sets, ls.default_evaluation_configuration(), p_by);
    end loop;
    if ls.request_evaluation(p_version_id, p_by => p_by) is null then  -- measured before: the bytes are not new
        perform ls.consider_promotion(p_version_id);
    end if;
end
$$;
comment on function ls.evaluate_new_version(bigint, text) is 'Asks for the evaluations that the promotion gate needs for a new version.';
