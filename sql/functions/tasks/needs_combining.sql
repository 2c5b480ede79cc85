-- ls.needs_combining(kind, version) -> whether such a task is for those alone who combine a version's score with signals: it measures a
-- version that does so. A program of before would measure the bare score, and be refuted for it (ls.decide_evaluation_check).
-- Called by: lease_tasks, able_workers.
create or replace function ls.needs_combining(p_kind text, p_version_id bigint)
returns boolean
language sql stable
as $$
    select p_kind = 'evaluate' and exists (select from ls.ranker_version v where v.version_id = p_version_id and v.has_combiner);
$$;
comment on function ls.needs_combining(text, bigint) is 'Whether a task is only for workers that combine a version''s score with signals.';
