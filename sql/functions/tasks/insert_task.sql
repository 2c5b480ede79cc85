-- ls.insert_task(…) -> task id: of the new task, or of the open one that asks for the same.
-- The new task is waiting, or blocked while a task it needs is not done. The order of the feature sets
-- counts: training visits them in this order. A sweep's tasks are its own: the same training asked for
-- outside it is another task, whose version goes straight to the gate. When a task is to run,
-- before and after which others (run_after, priority, after), is no part of what it asks for: asked
-- again, the open task keeps its own. Of sets and weights that are at home with a worker only that
-- worker can make use: the task is its alone.
-- Called by: request_training, request_evaluation, request_sweep, resume_sweep.
create or replace function ls.insert_task(p_kind text, p_ranker_id bigint, p_version_id bigint,
    p_initial_version_id bigint, p_configuration jsonb, p_feature_set_ids bigint[], p_priority smallint, p_by text,
    p_sweep_id bigint default null, p_run_after timestamptz default null, p_after bigint[] default null)
returns bigint
language plpgsql
as $$
declare
    v_key text := encode(sha256(convert_to(concat_ws('|', p_kind, p_ranker_id, coalesce(p_version_id, 0),
        coalesce(p_initial_version_id, 0), p_configuration, p_feature_set_ids::text, 'sweep ' || p_sweep_id), 'UTF8')), 'hex');
    v_owner text := coalesce((select user_name from ls.ranker where ranker_id = p_ranker_id), p_by, session_user);
    v_priority smallint := coalesce(p_priority, 0);
    v_is_blocked boolean := coalesce(cardinality(p_after), 0) > 0;
    v_home bigint := ls.task_home(p_ranker_id, p_initial_version_id, p_feature_set_ids);
    v_id bigint;
begin
    perform ls.keep_named(p_ranker_id, array[p_version_id, p_initial_version_id],
        p_feature_set_ids);
    -- Twice at most in practice: the task that stood in the way may end before it is read.
    loop
        insert into ls.task as t (kind, state, ranker_id, version_id, initial_version_id, configuration, priority, run_after,
            attempt_count_max, owner, turn, request_key, requested_by, stays, home_worker_id)
        select p_kind, case when v_is_blocked then 'blocked' else 'waiting' end, p_ranker_id, p_version_id, p_initial_version_id,
            p_configuration, v_priority, coalesce(p_run_after, clock_timestamp()), k.attempt_count_max, v_owner,
            ls.next_turn(v_owner, p_kind, v_priority), v_key, coalesce(p_by, session_user),
            p_sweep_id is not null, v_home
        from ls.task_kind k where k.kind = p_kind
        on conflict (request_key) where state in ('blocked', 'waiting', 'leased') do nothing
        returning t.task_id into v_id;
        if v_id is not null then
            insert into ls.task_feature_set (task_id, ordinal, feature_set_id)
            select v_id, f.ordinal, f.id from unnest(p_feature_set_ids) with ordinality f (id, ordinal);
            if v_is_blocked and not ls.add_dependencies(v_id, p_after) then
                update ls.task set state = 'waiting' where task_id = v_id;
                v_is_blocked := false;
            end if;
            if not v_is_blocked then
                perform ls.start_from_incumbent(v_id);
                perform pg_notify('ls_task', p_kind);
            end if;
            return v_id;
        end if;
        select task_id into v_id from ls.task where request_key = v_key and state in ('blocked', 'waiting', 'leased');
        if v_id is not null then
            return v_id;
        end if;
    end loop;
end
$$;
comment on function ls.insert_task(text, bigint, bigint, bigint, jsonb, bigint[], smallint, text, bigint, timestamptz, bigint[]) is
    'Adds a waiting or blocked task, or finds the open one that asks for the same.';
