-- ls.compare_with_baseline(evaluation, report): what needs no ranker must be what other evaluations of the same set and configuration
-- say, in all and in each query. The first to say it is believed for now. Who disagrees with what a coordinator measured is refused
-- (LS001); who disagrees with another worker may be the honest one of the two: both are measured again, and no promotion rests on
-- either before that. Sets at home are measured by their home alone: its first word stands. Called by: insert_evaluation.
create or replace function ls.compare_with_baseline(p_evaluation_id bigint, p_report jsonb)
returns void
language plpgsql
as $$
declare
    v_mine ls.evaluation;
    v_known ls.baseline;
    v_label_kind text;
    v_is_at_home boolean;
    v_key text;
    v_is_same_in_all boolean;
begin
    select * into strict v_mine from ls.evaluation where evaluation_id = p_evaluation_id;
    select label_kind, home_worker_id is not null into strict v_label_kind, v_is_at_home
    from ls.feature_set where feature_set_id = v_mine.feature_set_id;
    -- Another's that came meanwhile is there then, and is compared with.
    perform ls.keep_baseline(v_mine.feature_set_id, v_mine.configuration, v_label_kind, p_report, p_evaluation_id, null);
    select * into strict v_known from ls.baseline
    where feature_set_id = v_mine.feature_set_id and configuration = v_mine.configuration;
    if v_is_at_home then
        return;
    end if;
    select d.key, ls.figures_agree(d.mine, d.known) into v_key, v_is_same_in_all
    from (values ('first_sample', v_mine.first_sample, v_known.first_sample, v_known.first_sample_values),
        ('majority', v_mine.majority, v_known.majority, v_known.majority_values),
        ('highest_log_probability', v_mine.highest_log_probability, v_known.highest_log_probability, v_known.highest_log_probability_values),
        ('oracle', v_mine.oracle, v_known.oracle, v_known.oracle_values),
        ('has_answer', (p_report ->> 'has_answer')::double precision, v_known.has_answer, null),
        ('mean_log_probability', (p_report ->> 'mean_log_probability')::double precision, v_known.mean_log_probability, null),
        ('label_range', (p_report #>> '{label_range,0}')::double precision, v_known.label_low, null),
        ('label_range', (p_report #>> '{label_range,1}')::double precision, v_known.label_high, null)) d (key, mine, known, known_values)
    where not ls.figures_agree(d.mine, d.known)
        or exists (select from unnest(ls.report_query_values(p_report, d.key, v_label_kind), d.known_values) q (mine, known)
            where not ls.figures_agree(q.mine, q.known))
    limit 1;
    if not found then
        return;
    end if;
    if v_known.confirmed_at is not null then
        perform ls.refuse('LS001', case when v_is_same_in_all
            then format('cannot take an evaluation: found a query whose %s, which needs no ranker, was measured here as another', v_key)
            else format('cannot take an evaluation: found %s %s, which needs no ranker and was measured here as %s', v_key,
                coalesce(to_jsonb(v_mine) ->> v_key, p_report ->> v_key),
                coalesce(to_jsonb(v_known) ->> v_key, format('[%s, %s]', v_known.label_low, v_known.label_high))) end);
    end if;
    perform ls.open_evaluation_check(e, 'dispute', true) from unnest(array[v_known.evaluation_id, p_evaluation_id]) e;
    -- What each said of single queries, so that whoever measures again sees which of the two was wrong.
    update ls.evaluation_check c set report = c.report || jsonb_build_object('method_query_values', s.said)
    from (values
        (v_known.evaluation_id, ls.method_query_values(v_known)),
        (p_evaluation_id, (select jsonb_object_agg(m, to_jsonb(ls.report_query_values(p_report, m, v_label_kind)))
            from unnest(array['first_sample', 'majority', 'highest_log_probability', 'oracle']) m))) s (evaluation_id, said)
    where c.evaluation_id = s.evaluation_id and c.decided_at is null;
end
$$;
comment on function ls.compare_with_baseline(bigint, jsonb) is
    'Compares what needs no ranker with other evaluations of the same groups; those that differ are measured again.';
