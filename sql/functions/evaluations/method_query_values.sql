-- ls.method_query_values(baseline) -> what each method that needs no ranker picked in each query, as a report has it.
-- Called by: compare_with_baseline, claim_evaluation_check.
create or replace function ls.method_query_values(p_baseline ls.baseline)
returns jsonb
language sql immutable
as $$
    select jsonb_build_object('first_sample', to_jsonb(p_baseline.first_sample_values), 'majority', to_jsonb(p_baseline.majority_values),
        'highest_log_probability', to_jsonb(p_baseline.highest_log_probability_values), 'oracle', to_jsonb(p_baseline.oracle_values));
$$;
comment on function ls.method_query_values(ls.baseline) is 'What needs no ranker, query by query, in the form of a report.';
