-- ls.is_only_swept(version) -> whether only sweeps made the version. Trained or added by any other request it is a version like any
-- other. Called by: is_withheld, judge.
create or replace function ls.is_only_swept(p_version_id bigint)
returns boolean
language sql stable
as $$
    select exists (select from ls.sweep_entry e where e.task_id = v.task_id)
        and not exists (select from ls.attempt a where a.version_id = v.version_id
            and not exists (select from ls.sweep_entry e where e.task_id = a.task_id))
    from ls.ranker_version v where v.version_id = p_version_id;
$$;
comment on function ls.is_only_swept(bigint) is 'Whether only sweeps made a version.';
