-- ls.record_certificate(worker, serial, not_before, not_after): notes a certificate that was issued.
-- The same serial again: nothing happens. Called by: LedgerStore.recordCertificate.
create or replace function ls.record_certificate(p_worker_id bigint, p_serial text, p_not_before timestamptz, p_not_after timestamptz)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    perform ls.check_worker(p_worker_id);
    insert into ls.certificate (serial, worker_id, not_before, not_after) values (p_serial, p_worker_id, p_not_before, p_not_after)
    on conflict (serial) do nothing;
end
$$;
comment on function ls.record_certificate(bigint, text, timestamptz, timestamptz) is
    'Notes a certificate that was issued to a worker; the same serial again changes nothing. Refuses a revoked worker '
    '(LS031).';
