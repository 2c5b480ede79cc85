-- ls.quarantine_worker(worker, because): nothing is taken from it until an admin lets it back; its leases are given back, its session
-- ends. In quarantine or revoked already: nothing happens. Whoever is in quarantine because of results that this worker did
-- better stays there, for a liar must not free another one; the audit log says that the reason is gone.
-- Called by: decide_evaluation_check, count_refusals.
create or replace function ls.quarantine_worker(p_worker_id bigint, p_because text)
returns void
language plpgsql
as $$
declare
    v_name text;
begin
    update ls.worker set quarantined_at = clock_timestamp(), quarantined_because = p_because
    where worker_id = p_worker_id and quarantined_at is null and revoked_at is null
    returning name into v_name;
    if not found then
        return;
    end if;
    perform ls.release_leases(p_worker_id, '{}', format('worker ''%s'' is in quarantine', v_name));
    perform pg_notify('ls_worker', p_worker_id::text);
    perform ls.record_audit('lscoord', 'quarantine worker', v_name, p_because);
    perform ls.record_audit('lscoord', 'doubt quarantine', d.name,
        format('%s of the %s refused results that count against it were done by worker ''%s'', which is in quarantine itself: '
            'lscoord worker release %s lets it back', d.doubtful, d.refusal_count, v_name, d.name))
    from (select o.name, o.refusal_count, ls.doubtful_refusals(o.worker_id) as doubtful from ls.worker o
        where o.worker_id <> p_worker_id and o.quarantined_at is not null and o.revoked_at is null and o.refusal_count >= 5
            and exists (select from ls.attempt f join ls.attempt s using (task_id)
                where f.worker_id = o.worker_id and f.state = 'failed' and s.worker_id = p_worker_id and s.state = 'succeeded')
        order by o.worker_id) d
    where d.doubtful > 0 and d.refusal_count - d.doubtful < 5;
end
$$;
comment on function ls.quarantine_worker(bigint, text) is 'Puts a worker in quarantine, with its leases given back.';
