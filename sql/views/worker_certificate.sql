-- ls.worker_certificate: every certificate issued, newest first.
create or replace view ls.worker_certificate as
select c.serial, w.name as worker, c.not_before, c.not_after, c.not_after > clock_timestamp() and w.revoked_at is null as is_valid, c.recorded_at,
    ls.short_digest(c.issuer_sha256) as issuer
from ls.certificate c join ls.worker w using (worker_id)
order by c.recorded_at desc;
comment on view ls.worker_certificate is 'Every certificate issued to a worker, newest first.';
