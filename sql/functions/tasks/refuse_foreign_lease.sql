-- ls.refuse_foreign_lease(worker, token): refuses a result under another worker's lease (LS001). A token
-- that nobody has is only late: its task may have been archived.
-- Called by: complete_training, complete_evaluation, fail_attempt, when the worker has no such lease.
create or replace function ls.refuse_foreign_lease(p_worker_id bigint, p_token uuid)
returns void
language plpgsql
as $$
begin
    if exists (select from ls.attempt where token = p_token and worker_id <> p_worker_id) then
        perform ls.refuse('LS001', 'cannot take a result: its lease is another worker''s');
    end if;
end
$$;
comment on function ls.refuse_foreign_lease(bigint, uuid) is 'Refuses a result under another worker''s lease.';
