-- ls.start_from_incumbent(task): a train task whose configuration says start "incumbent", and that is about to wait for a worker,
-- gets as first weights those of the version that serves the ranker's requests now: its champion, or the next of the route
-- chain (ls.incumbent_of_ranker). Decided then and not before: a task that waits for another starts from what that one made.
--   of another shape, nobody's, another user's       the training starts afresh, as the presets do
--   bytes that are nowhere, or with another worker   the same
--   its user is being forgotten at this moment       the same
-- Called by: insert_task, meet_dependency.
create or replace function ls.start_from_incumbent(p_task_id bigint)
returns void
language plpgsql
as $$
declare
    v_task ls.task;
    v_found record;
begin
    select * into v_task from ls.task
    where task_id = p_task_id and kind = 'train' and initial_version_id is null and configuration ->> 'start' = 'incumbent';
    if not found then
        return;
    end if;
    select v.version_id, r.ranker_id into v_found
    from ls.incumbent_of_ranker(v_task.ranker_id) i
        join ls.ranker_version v on v.version_id = i.version_id
        join ls.ranker r on r.ranker_id = v.ranker_id
        join ls.ranker mine on mine.ranker_id = v_task.ranker_id
        join ls.ranker_weights w on w.digest = v.digest
    where r.configuration = mine.configuration and v.forgotten_at is null
        and (r.user_name is null or r.user_name = mine.user_name)
        and case when r.home_worker_id is null then w.bytes is not null else r.home_worker_id = v_task.home_worker_id end;
    if not found then
        return;
    end if;
    -- Whoever is being forgotten is not waited for: rankers come before one another by number, and ours is held.
    perform from ls.ranker where ranker_id = v_found.ranker_id for key share skip locked;
    if found and exists (select from ls.ranker_version where version_id = v_found.version_id and forgotten_at is null) then
        update ls.task set initial_version_id = v_found.version_id where task_id = p_task_id;
    end if;
end
$$;
comment on function ls.start_from_incumbent(bigint) is
    'Gives a train task that asks for it the weights of the version that serves now as its first weights.';
