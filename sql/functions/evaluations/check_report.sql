-- ls.check_report(report, feature_set): refuses a report that cannot be true whatever was measured (LS001): counts that are not the
-- set's, a method that did better than the best there is, query_values of which accuracy is not the mean. Its figures are numbers
-- already (ls.report_figure). Called by: insert_evaluation.
create or replace function ls.check_report(p_report jsonb, p_feature_set_id bigint)
returns void
language plpgsql
as $$
declare
    v_set ls.feature_set;
    v_key text;
    v_oracle double precision := (p_report ->> 'oracle')::double precision;
    v_values double precision[];
begin
    select * into strict v_set from ls.feature_set where feature_set_id = p_feature_set_id;
    -- Of a set at home the worker's own description is all there is.
    if v_set.home_worker_id is null and (p_report ->> 'query_count')::bigint <> v_set.query_count then
        perform ls.refuse('LS001', format('cannot take an evaluation: found query_count %s, the feature set has %s',
            p_report ->> 'query_count', v_set.query_count));
    end if;
    if (p_report ->> 'group_count')::bigint <> (p_report ->> 'query_count')::bigint * (p_report ->> 'groups_per_query')::bigint then
        perform ls.refuse('LS001', format('cannot take an evaluation: found group_count %s, expected %s of each of %s queries',
            p_report ->> 'group_count', p_report ->> 'groups_per_query', p_report ->> 'query_count'));
    end if;
    foreach v_key in array array['accuracy', 'first_sample', 'majority', 'highest_log_probability'] loop
        if (p_report ->> v_key)::double precision > v_oracle
            and not ls.figures_agree((p_report ->> v_key)::double precision, v_oracle)
        then
            perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, more than the oracle''s %s', v_key,
                left(p_report ->> v_key, 40), left(p_report ->> 'oracle', 40)));
        end if;
    end loop;
    if coalesce(jsonb_typeof(p_report -> 'query_values'), 'null') = 'null' then
        return;  -- workers of before do not say
    end if;
    if jsonb_typeof(p_report -> 'query_values') <> 'array'
        or jsonb_array_length(p_report -> 'query_values') <> (p_report ->> 'query_count')::bigint
        or exists (select from jsonb_array_elements(p_report -> 'query_values') v where case
            when jsonb_typeof(v) <> 'number' then true
            when v::numeric <> 0 and abs(v::numeric) < 1e-45 then true  -- the least that a float32 tells from 0
            when v_set.label_kind = 'binary' then v::numeric not between 0 and 1
            else abs(v::numeric) > ls.magnitude_max() end)
    then
        perform ls.refuse('LS001', format('cannot take an evaluation: expected query_values to be %s numbers that labels can have',
            p_report ->> 'query_count'));
    end if;
    select array_agg(v::double precision) into v_values from jsonb_array_elements_text(p_report -> 'query_values') v;
    -- They are float32, accuracy is not.
    if abs((select avg(v) from unnest(v_values) v) - (p_report ->> 'accuracy')::double precision)
        > 1e-5 * greatest(1, (select max(abs(v)) from unnest(v_values) v))
    then
        perform ls.refuse('LS001', format('cannot take an evaluation: found accuracy %s, the mean of its query_values is %s',
            left(p_report ->> 'accuracy', 40), (select avg(v) from unnest(v_values) v)));
    end if;
end
$$;
comment on function ls.check_report(jsonb, bigint) is 'Refuses a report whose figures contradict each other.';
