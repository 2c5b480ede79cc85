-- ls.workers_of_previous_key() -> the names of the workers that would be shut out if the authority's previous key were
-- retired now: not revoked, and their newest certificate is of that key and holds, or can still be recovered.
-- Called by: ls.authority_status, ls.retire_certificate_authority.
create or replace function ls.workers_of_previous_key()
returns setof text
language sql stable
as $$
    select w.name
    from ls.certificate_authority a cross join ls.worker w
    cross join lateral (
        select c.issuer_sha256, c.not_after from ls.certificate c
        where c.worker_id = w.worker_id and c.recorded_at >= w.enrolled_at
        order by c.recorded_at desc limit 1) newest
    where w.revoked_at is null and newest.issuer_sha256 = a.previous_public_key_sha256
        and newest.not_after >= clock_timestamp() - interval '7 days'  -- as in ls.recover_worker
    order by w.name;
$$;
comment on function ls.workers_of_previous_key() is
    'The workers that the retirement of the authority''s previous key would shut out.';
