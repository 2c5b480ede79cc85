-- ls.keep_baseline(feature set, configuration, label kind, report, evaluation, confirmed at): what needs no ranker, as the report says
-- it, is kept for the set and configuration. A coordinator's word (confirmed) takes the place of what was there; a worker's only
-- fills what nobody said yet. Called by: compare_with_baseline, decide_evaluation_check.
create or replace function ls.keep_baseline(p_feature_set_id bigint, p_configuration jsonb, p_label_kind text, p_report jsonb,
    p_evaluation_id bigint, p_confirmed_at timestamptz)
returns void
language plpgsql
as $$
declare
    v_said ls.baseline;
begin
    v_said := row(p_feature_set_id, p_configuration, (p_report ->> 'first_sample')::double precision,
        (p_report ->> 'majority')::double precision, (p_report ->> 'highest_log_probability')::double precision,
        (p_report ->> 'oracle')::double precision, p_evaluation_id, p_confirmed_at,
        ls.report_query_values(p_report, 'first_sample', p_label_kind), ls.report_query_values(p_report, 'majority', p_label_kind),
        ls.report_query_values(p_report, 'highest_log_probability', p_label_kind), ls.report_query_values(p_report, 'oracle', p_label_kind),
        (p_report #>> '{label_range,0}')::double precision, (p_report #>> '{label_range,1}')::double precision,
        (p_report ->> 'has_answer')::double precision, (p_report ->> 'mean_log_probability')::double precision)::ls.baseline;
    if p_confirmed_at is not null then
        delete from ls.baseline where feature_set_id = p_feature_set_id and configuration = p_configuration
            and (confirmed_at is null or v_said.first_sample_values is not null or first_sample_values is null);
    end if;
    insert into ls.baseline as b select v_said.*
    on conflict (feature_set_id, configuration) do update
    set first_sample_values = coalesce(b.first_sample_values, excluded.first_sample_values),
        majority_values = coalesce(b.majority_values, excluded.majority_values),
        highest_log_probability_values = coalesce(b.highest_log_probability_values, excluded.highest_log_probability_values),
        oracle_values = coalesce(b.oracle_values, excluded.oracle_values),
        evaluation_id = coalesce(excluded.evaluation_id, b.evaluation_id),  -- whose word it is
        confirmed_at = excluded.confirmed_at,  -- of a worker's: nobody confirmed what was said of single queries
        label_low = coalesce(b.label_low, excluded.label_low), label_high = coalesce(b.label_high, excluded.label_high),
        has_answer = coalesce(b.has_answer, excluded.has_answer),
        mean_log_probability = coalesce(b.mean_log_probability, excluded.mean_log_probability)
    -- Filled once, and only by who agrees with what is known in all.
    where b.first_sample_values is null and excluded.first_sample_values is not null
        and ls.figures_agree(b.first_sample, excluded.first_sample) and ls.figures_agree(b.majority, excluded.majority)
        and ls.figures_agree(b.highest_log_probability, excluded.highest_log_probability) and ls.figures_agree(b.oracle, excluded.oracle);
end
$$;
comment on function ls.keep_baseline(bigint, jsonb, text, jsonb, bigint, timestamptz) is
    'Keeps what needs no ranker of one feature set and configuration, as a report says it.';
