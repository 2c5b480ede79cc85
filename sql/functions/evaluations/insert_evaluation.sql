-- ls.insert_evaluation(version, feature_set, configuration, report, task, worker): one row of figures.
-- Fractions are in [0, 1] for binary labels; for scores they are means of labels, of any size. K, groups
-- per query and seed must be what the task asked for; figures that cannot be true together are refused (ls.check_report), and what
-- needs no ranker is compared with what others said (ls.compare_with_baseline). A share is measured again (ls.check_policy). Measured
-- before: nothing happens, but that figures which differ are measured again. Without a worker a coordinator measured it.
-- Called by: complete_evaluation, decide_evaluation_check.
create or replace function ls.insert_evaluation(p_version_id bigint, p_feature_set_id bigint, p_configuration jsonb,
    p_report jsonb, p_task_id bigint, p_worker_id bigint)
returns void
language plpgsql
as $$
declare
    v_key text;
    v_label_kind text;
    v_binary boolean;
    v_id bigint;
    v_accuracy double precision;
begin
    if jsonb_typeof(p_report) is distinct from 'object' then
        perform ls.refuse('LS001', 'cannot take an evaluation: its report is not a JSON object');
    end if;
    foreach v_key in array array['candidate_count', 'groups_per_query', 'seed'] loop
        if p_configuration ? v_key and p_report -> v_key is distinct from p_configuration -> v_key then
            perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, the task asked for %s', v_key,
                coalesce(left((p_report -> v_key)::text, 40), 'missing'), p_configuration -> v_key));
        end if;
    end loop;
    foreach v_key in array array['group_count', 'query_count', 'candidate_count', 'groups_per_query', 'seed'] loop
        continue when jsonb_typeof(p_report -> v_key) = 'number' and p_report ->> v_key ~ '^[0-9]{1,18}$'
            and (v_key = 'seed' or (p_report ->> v_key)::bigint between 1 and 2147483647);
        if jsonb_typeof(p_report -> v_key) is not null then
            perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, expected a whole number', v_key,
                left((p_report -> v_key)::text, 40)));
        end if;
        perform ls.report_figure(p_report, v_key, false);
    end loop;
    select label_kind, label_kind = 'binary' into strict v_label_kind, v_binary from ls.feature_set where feature_set_id = p_feature_set_id;
    v_accuracy := ls.report_figure(p_report, 'accuracy', v_binary);
    foreach v_key in array array['standard_error', 'first_sample', 'oracle'] loop
        perform ls.report_figure(p_report, v_key, v_binary);
    end loop;
    -- The last five: of versions that combine their score with signals, and of what signals pick alone.
    foreach v_key in array array['majority', 'highest_log_probability', 'mean_log_probability', 'has_answer', 'weighted_vote', 'ranker',
        'without_ranker'] loop
        perform ls.report_figure(p_report, v_key, v_binary, true);
    end loop;
    perform ls.check_report(p_report, p_feature_set_id);
    insert into ls.evaluation as e (version_id, feature_set_id, configuration, accuracy, standard_error, first_sample, majority,
        highest_log_probability, oracle, group_count, query_count, candidate_count, groups_per_query, seed, report, task_id, worker_id,
        query_values)
    values (p_version_id, p_feature_set_id, p_configuration,
        v_accuracy,
        ls.report_figure(p_report, 'standard_error', v_binary),
        ls.report_figure(p_report, 'first_sample', v_binary),
        ls.report_figure(p_report, 'majority', v_binary, true),
        ls.report_figure(p_report, 'highest_log_probability', v_binary, true),
        ls.report_figure(p_report, 'oracle', v_binary),
        (p_report ->> 'group_count')::bigint, (p_report ->> 'query_count')::integer,
        (p_report ->> 'candidate_count')::integer, (p_report ->> 'groups_per_query')::integer,
        (p_report ->> 'seed')::bigint, p_report - '{query_values,method_query_values}'::text[], p_task_id, p_worker_id,
        ls.report_query_values(p_report, 'accuracy', v_label_kind))
    on conflict on constraint evaluation_is_made_once do nothing
    returning e.evaluation_id into v_id;
    if v_id is null then
        -- The first word stands; another that differs is not lost: a coordinator finds out.
        perform ls.open_evaluation_check(e.evaluation_id, 'dispute', false) from ls.evaluation e
        where e.version_id = p_version_id and e.feature_set_id = p_feature_set_id and e.configuration = p_configuration
            and e.worker_id is distinct from p_worker_id and not ls.figures_agree(e.accuracy, v_accuracy);
        return;
    end if;
    perform ls.compare_with_baseline(v_id, p_report);
    if p_worker_id is not null and random() < (select share from ls.check_policy)
        and ls.serves_others(ls.version_ranker(p_version_id), p_worker_id)
    then
        perform ls.open_evaluation_check(v_id, 'sample', false);
    end if;
end
$$;
comment on function ls.insert_evaluation(bigint, bigint, jsonb, jsonb, bigint, bigint) is
    'Stores the figures of one version on one feature set, checked.';
