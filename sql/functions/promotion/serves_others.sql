-- ls.serves_others(ranker, worker) -> whether the ranker serves others than the worker's own users (its label 'user'): then its word
-- alone is not enough. Called by: insert_evaluation, check_own_word, made_in_quarantine, decide_evaluation_check, leaves_to_another.
create or replace function ls.serves_others(p_ranker_id bigint, p_worker_id bigint)
returns boolean
language sql stable
as $$
    select coalesce(r.user_name <> all (string_to_array(coalesce(w.labels ->> 'user', ''), ',')), true)
    from ls.ranker r left join ls.worker w on w.worker_id = p_worker_id
    where r.ranker_id = p_ranker_id;
$$;
comment on function ls.serves_others(bigint, bigint) is 'Whether a ranker serves others than the users whose data a worker may offer.';
