-- ls.worker_status: one row a worker: connected, paused, shut out, what it holds and how it did.
create or replace view ls.worker_status as
select w.worker_id, w.name,
    case when w.revoked_at is not null then 'revoked'
        when w.quarantined_at is not null then 'quarantined'
        when w.paused_until > clock_timestamp() then 'paused'
        when p.worker_id is null then 'never connected'
        when ls.is_connected(p.disconnected_at, p.seen_at, clock_timestamp()) then 'connected'
        else 'away' end as state,
    p.coordinator, p.program_version, p.capacity, p.task_kinds, p.connected_at, p.seen_at,
    (select count(*) from ls.attempt a where a.worker_id = w.worker_id and a.state = 'open') as leases,
    (select count(*) from ls.attempt a where a.worker_id = w.worker_id and a.state = 'succeeded') + coalesce(c.succeeded, 0) as succeeded,
    (select count(*) from ls.attempt a where a.worker_id = w.worker_id and a.state in ('failed', 'expired')) + coalesce(c.failed, 0) as failed,
    (select max(c.not_after) from ls.certificate c where c.worker_id = w.worker_id) as certificate_until,
    w.enrolled_at, w.revoked_at, w.revoked_because,
    w.refusal_count as refused, w.quarantined_at, w.quarantined_because, w.labels, p.domains, p.task_byte_count_max,
    (select count(*) from ls.refusal f where f.worker_id = w.worker_id) as refused_undecided,
    case when w.paused_until > clock_timestamp() then w.paused_until end as paused_until,
    case when w.paused_until > clock_timestamp() then w.paused_because end as paused_because,
    p.combines_signals
from ls.worker w left join ls.worker_presence p using (worker_id) left join ls.worker_archive_count c using (worker_id)
order by w.name;
comment on view ls.worker_status is 'Workers: connected or away, what they hold and how they did.';
