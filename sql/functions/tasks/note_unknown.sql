-- ls.note_unknown(task, worker) -> whether it is said for the first time: the worker's program does not know how to do
-- the task. Said again, by another version of the program, it is a failure like any other: nobody keeps a task going
-- round for ever. Called by: fail_attempt.
create or replace function ls.note_unknown(p_task_id bigint, p_worker_id bigint)
returns boolean
language plpgsql
as $$
declare
    v_is_new boolean := not exists (
        select from ls.task_trial where task_id = p_task_id and worker_id = p_worker_id and unknown_to_version is not null);
begin
    insert into ls.task_trial (task_id, worker_id, unknown_to_version)
    values (p_task_id, p_worker_id, coalesce((select program_version from ls.worker_presence where worker_id = p_worker_id), ''))
    on conflict (task_id, worker_id) do update set unknown_to_version = excluded.unknown_to_version;
    return v_is_new;
end
$$;
comment on function ls.note_unknown(bigint, bigint) is 'Notes that a worker''s program does not know how to do a task; says whether that is new.';
