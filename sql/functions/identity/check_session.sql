-- ls.check_session(worker, connection): refuses what is said over a session that is not the worker's newest (LS031): it was
-- replaced, here or at another coordinator, or the name has joined again. Null: not asked.
-- Called by: offer_local_data.
create or replace function ls.check_session(p_worker_id bigint, p_connection uuid)
returns void
language plpgsql stable
as $$
begin
    if p_connection is not null
        and p_connection is distinct from (select p.connection from ls.worker_presence p where p.worker_id = p_worker_id)
    then
        perform ls.refuse('LS031', format('cannot serve worker %s over this session: another one of its name is newer', p_worker_id));
    end if;
end
$$;
comment on function ls.check_session(bigint, uuid) is 'Refuses a session that is not its worker''s newest.';
