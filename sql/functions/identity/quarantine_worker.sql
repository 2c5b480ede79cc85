-- ls.quarantine_worker(worker, because, for): nothing is taken from it until it is let back; its
-- leases are given back, its session ends. For 'refusals': results of its that were refused and
-- that others did better. For 'figures': a coordinator measured again and found others; it is in
-- quarantine for these from then on, also when it was for refusals. Else, in quarantine or revoked
-- already, nothing happens. Who is in quarantine for refusals of results that this worker did
-- better may be the honest one of the two:
--   a coordinator found this one's figures wrong  that is no worker's word: the others are let back
--                                                 when less than five refusals are left without
--                                                 those that such workers showed. One whose row
--                                                 somebody has at this moment is not waited for
--   this one is here for refusals itself          the others stay, for a liar must not free another
--                                                 one
-- Of those that stay though less than five are left, the audit log says that the reason is gone.
-- The caller holds the worker's lock. Called by: decide_evaluation_check, count_refusals.
create or replace function ls.quarantine_worker(p_worker_id bigint, p_because text,
    p_for text default 'refusals')
returns void
language plpgsql
as $$
declare
    v_name text;
    v_other record;
    v_doubtful integer;
begin
    update ls.worker set quarantined_at = clock_timestamp(), quarantined_because = p_because,
        quarantined_for = p_for
    where worker_id = p_worker_id and revoked_at is null
        and (quarantined_at is null or (p_for = 'figures' and quarantined_for is distinct from
            'figures'))
    returning name into v_name;
    if not found then
        return;
    end if;
    perform ls.release_leases(p_worker_id, '{}', format('worker ''%s'' is in quarantine', v_name));
    perform pg_notify('ls_worker', p_worker_id::text);
    perform ls.record_audit('lscoord', 'quarantine worker', v_name, p_because);
    if p_for = 'figures' then
        for v_other in
            select worker_id, name, refusal_count from ls.worker
            where worker_id <> p_worker_id and quarantined_at is not null
                and quarantined_for = 'refusals' and revoked_at is null
            order by worker_id for no key update skip locked
        loop
            v_doubtful := ls.doubtful_refusals(v_other.worker_id, 'figures');
            continue when v_doubtful = 0 or v_other.refusal_count - v_doubtful >= 5;
            update ls.worker set quarantined_at = null, quarantined_because = null,
                quarantined_for = null,
                refusal_count = refusal_count - v_doubtful, failures_since = clock_timestamp()
            where worker_id = v_other.worker_id;
            perform ls.record_audit('lscoord', 'release worker', v_other.name,
                format('%s of the %s refused results that counted against it were done by workers '
                    'such as ''%s'', whose figures a coordinator found wrong',
                    v_doubtful, v_other.refusal_count, v_name));
            perform pg_notify('ls_task', '');
        end loop;
    end if;
    perform ls.record_audit('lscoord', 'doubt quarantine', d.name,
        format('%s of the %s refused results that count against it were done by worker ''%s'', which is in quarantine itself: '
            'lscoord worker release %s lets it back', d.doubtful, d.refusal_count, v_name, d.name))
    from (select o.name, o.refusal_count, ls.doubtful_refusals(o.worker_id) as doubtful from ls.worker o
        where o.worker_id <> p_worker_id and o.quarantined_at is not null
            and o.quarantined_for = 'refusals' and o.revoked_at is null
            and ls.doubtful_refusals(o.worker_id, null, p_worker_id) > 0
        order by o.worker_id) d
    where d.doubtful > 0 and d.refusal_count - d.doubtful < 5;
end
$$;
comment on function ls.quarantine_worker(bigint, text, text) is
    'Puts a worker in quarantine, with its leases given back; whom a worker whose figures were '
    'found wrong had brought there is let back.';
