-- ls.check_report(report, feature_set): refuses a report that cannot be true whatever was measured (LS001): counts that are not the
-- set's, a method that did better than the best there is, in all or in one query, picks of queries
-- whose mean is not the figure, picks outside of the labels' range. Its figures are numbers
-- already (ls.report_figure). Called by: insert_evaluation.
create or replace function ls.check_report(p_report jsonb, p_feature_set_id bigint)
returns void
language plpgsql
as $$
declare
    v_set ls.feature_set;
    v_key text;
    v_oracle double precision := (p_report ->> 'oracle')::double precision;
    v_oracles real[];
    v_low double precision;
    v_high double precision;
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
    foreach v_key in array array['accuracy', 'first_sample', 'majority', 'highest_log_probability', 'mean_log_probability', 'has_answer',
        'weighted_vote', 'ranker', 'without_ranker'] loop
        if (p_report ->> v_key)::double precision > v_oracle
            and not ls.figures_agree((p_report ->> v_key)::double precision, v_oracle)
        then
            perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, more than the oracle''s %s', v_key,
                left(p_report ->> v_key, 40), left(p_report ->> 'oracle', 40)));
        end if;
    end loop;
    v_oracles := ls.report_query_values(p_report, 'oracle', v_set.label_kind);
    foreach v_key in array array['accuracy', 'first_sample', 'majority', 'highest_log_probability'] loop
        if exists (select from unnest(ls.report_query_values(p_report, v_key, v_set.label_kind), v_oracles) q (value, oracle)
            where value > oracle and not ls.figures_agree(value, oracle))
        then
            perform ls.refuse('LS001', format('cannot take an evaluation: found a query in which %s is more than the oracle', v_key));
        end if;
    end loop;
    if coalesce(jsonb_typeof(p_report -> 'label_range'), 'null') <> 'null' then
        if jsonb_typeof(p_report -> 'label_range') <> 'array' or jsonb_array_length(p_report -> 'label_range') <> 2
            or exists (select from jsonb_array_elements(p_report -> 'label_range') v
                where case when jsonb_typeof(v) <> 'number' then true else abs(v::numeric) > ls.magnitude_max() end)
            or (p_report #>> '{label_range,0}')::double precision > (p_report #>> '{label_range,1}')::double precision
        then
            perform ls.refuse('LS001', 'cannot take an evaluation: expected label_range to be the least and the greatest label');
        end if;
        v_low := (p_report #>> '{label_range,0}')::double precision;
        v_high := (p_report #>> '{label_range,1}')::double precision;
        if exists (select from unnest(array['accuracy', 'first_sample', 'majority', 'highest_log_probability', 'oracle']) m (key),
                unnest(ls.report_query_values(p_report, m.key, v_set.label_kind)) v
            where v < v_low - 1e-6 * greatest(1, abs(v_low)) or v > v_high + 1e-6 * greatest(1, abs(v_high)))
        then
            perform ls.refuse('LS001', 'cannot take an evaluation: found a pick whose label is outside of label_range');
        end if;
    end if;
end
$$;
comment on function ls.check_report(jsonb, bigint) is 'Refuses a report whose figures contradict each other.';
