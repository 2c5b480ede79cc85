-- ls.can_measure_again(check) -> whether the evaluation, the weights (of a ranker without a home)
-- and the features are here.
-- Called by: claim_evaluation_check.
create or replace function ls.can_measure_again(p_check_id bigint)
returns boolean
language sql stable
as $$
    select exists (select from ls.evaluation_check c
            join ls.ranker_version v using (version_id)
            join ls.ranker r on r.ranker_id = v.ranker_id and r.home_worker_id is null
            join ls.ranker_weights w on w.digest = v.digest and w.bytes is not null
            join ls.feature_set f on f.feature_set_id = c.feature_set_id and f.ready_at is not null and f.home_worker_id is null
        where c.evaluation_check_id = p_check_id and c.evaluation_id is not null);
$$;
comment on function ls.can_measure_again(bigint) is 'Whether the database has everything that a check needs.';
