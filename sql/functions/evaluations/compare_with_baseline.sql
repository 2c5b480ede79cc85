-- ls.compare_with_baseline(evaluation): what needs no ranker must be what other evaluations of the same set and configuration say. The
-- first to say it is believed for now. Who disagrees with what a coordinator measured is refused (LS001); who disagrees with another
-- worker may be the honest one of the two: both are measured again, and no promotion rests on either before that. Sets at home
-- are measured by their home alone. Called by: insert_evaluation.
create or replace function ls.compare_with_baseline(p_evaluation_id bigint)
returns void
language plpgsql
as $$
declare
    v_mine ls.evaluation;
    v_known ls.baseline;
    v_key text;
begin
    select * into strict v_mine from ls.evaluation where evaluation_id = p_evaluation_id;
    if exists (select from ls.feature_set where feature_set_id = v_mine.feature_set_id and home_worker_id is not null) then
        return;
    end if;
    select * into v_known from ls.baseline where feature_set_id = v_mine.feature_set_id and configuration = v_mine.configuration;
    if not found then
        insert into ls.baseline (feature_set_id, configuration, first_sample, majority, highest_log_probability, oracle, evaluation_id)
        values (v_mine.feature_set_id, v_mine.configuration, v_mine.first_sample, v_mine.majority, v_mine.highest_log_probability,
            v_mine.oracle, p_evaluation_id)
        on conflict (feature_set_id, configuration) do nothing;
        -- Another's that came meanwhile is there now, and is compared with.
        select * into strict v_known from ls.baseline
        where feature_set_id = v_mine.feature_set_id and configuration = v_mine.configuration;
    end if;
    select d.key into v_key from (values ('first_sample', v_mine.first_sample, v_known.first_sample),
        ('majority', v_mine.majority, v_known.majority),
        ('highest_log_probability', v_mine.highest_log_probability, v_known.highest_log_probability),
        ('oracle', v_mine.oracle, v_known.oracle)) d (key, mine, known)
    where not ls.figures_agree(d.mine, d.known) limit 1;
    if not found then
        return;
    end if;
    if v_known.confirmed_at is not null then
        perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, which needs no ranker and was measured here as %s', v_key,
            to_jsonb(v_mine) ->> v_key, to_jsonb(v_known) ->> v_key));
    end if;
    perform ls.open_evaluation_check(e, 'dispute', true) from unnest(array[v_known.evaluation_id, p_evaluation_id]) e;
end
$$;
comment on function ls.compare_with_baseline(bigint) is 'Compares what needs no ranker with other evaluations of the same groups; those that differ are measured again.';
