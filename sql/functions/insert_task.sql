-- ls.insert_task(…) -> task id: of the new waiting task, or of the open one that asks for the same.
-- The order of the feature sets counts: training visits them in this order. A sweep's tasks are its own:
-- the same training asked for outside it is another task, whose version goes straight to the gate.
-- Called by: request_training, request_evaluation, request_sweep, resume_sweep.
create or replace function ls.insert_task(p_kind text, p_ranker_id bigint, p_version_id bigint,
    p_initial_version_id bigint, p_configuration jsonb, p_feature_set_ids bigint[], p_priority smallint, p_by text,
    p_sweep_id bigint default null)
returns bigint
language plpgsql
as $$
declare
    v_key text := encode(sha256(convert_to(concat_ws('|', p_kind, p_ranker_id, coalesce(p_version_id, 0),
        coalesce(p_initial_version_id, 0), p_configuration, p_feature_set_ids::text, 'sweep ' || p_sweep_id), 'UTF8')), 'hex');
    v_id bigint;
begin
    -- Twice at most in practice: the task that stood in the way may end before it is read.
    loop
        insert into ls.task as t (kind, ranker_id, version_id, initial_version_id, configuration, priority, request_key, requested_by)
        values (p_kind, p_ranker_id, p_version_id, p_initial_version_id, p_configuration, coalesce(p_priority, 0), v_key,
            coalesce(p_by, session_user))
        on conflict (request_key) where state in ('waiting', 'leased') do nothing
        returning t.task_id into v_id;
        if v_id is not null then
            insert into ls.task_feature_set (task_id, ordinal, feature_set_id)
            select v_id, f.ordinal, f.id from unnest(p_feature_set_ids) with ordinality f (id, ordinal);
            perform pg_notify('ls_task', p_kind);
            return v_id;
        end if;
        select task_id into v_id from ls.task where request_key = v_key and state in ('waiting', 'leased');
        if v_id is not null then
            return v_id;
        end if;
    end loop;
end
$$;
comment on function ls.insert_task(text, bigint, bigint, bigint, jsonb, bigint[], smallint, text, bigint) is
    'Adds a waiting task, or finds the open one that asks for the same.';
