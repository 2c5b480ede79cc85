-- The authority's key is rotated, both keys are known for a while, the one before is retired.
begin;
select plan(41);
create function pg_temp.pem(p_word text) returns text language sql as $$ select E'-----BEGIN CERTIFICATE-----\n' || p_word $$;
select is_empty($$ select * from ls.authority_status() $$, 'before the first lscoord serve there is nothing to say');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), sha256('1'), 'age') $$, 'LS050',
    'cannot rotate the certificate authority: there is none yet', 'nor to rotate');
select throws_ok($$ select ls.record_certificate(fixture.worker('early'), 'e1', now(), now() + interval '1 day', sha256('1')) $$, 'LS031', null, 'nor a key that signs');
select ls.set_certificate_authority(pg_temp.pem('1'), sha256('1'));
select results_eq($$ select s.public_key_sha256, s.since = a.set_at, s.previous_public_key_sha256, s.worker_count, s.previous_workers, s.previous_token_count
    from ls.authority_status() s, ls.certificate_authority a $$,
    $$ values (sha256('1'), true, null::bytea, 0::bigint, '{}'::text[], 0::bigint) $$, 'one key, since it was recorded');
select throws_ok($$ select ls.retire_certificate_authority('tidy') $$, 'LS021', 'cannot retire the authority''s previous key: there is none', 'nothing to retire');

select fixture.worker('edge-1'), fixture.worker('edge-2'), fixture.worker('edge-3'), fixture.worker('edge-4'), fixture.worker('new');
create function pg_temp.certify(p_name text, p_serial text, p_key bytea default null, p_ago interval default '0') returns void language plpgsql as $$ begin
    perform ls.record_certificate((select worker_id from ls.worker where name = p_name), p_serial, now() - interval '1 hour' - p_ago, now() + interval '1 day' - p_ago, p_key);
end $$;
select pg_temp.certify('edge-1', 'a1'), pg_temp.certify('edge-2', 'a2', sha256('1')), pg_temp.certify('edge-3', 'a3', p_ago => '7 days'), pg_temp.certify('edge-4', 'a4', p_ago => '9 days');
create temporary table token as select t, (regexp_match(t, '::(.*)\.'))[1] as id, (regexp_match(t, '\.(.*)$'))[1] as secret from ls.create_join_token() t;
select is((select issuer_sha256 from ls.certificate where serial = 'a1'), sha256('1'), 'a certificate says which key signed it');
select is((select issuer from ls.worker_certificate where serial = 'a2'), ls.short_digest(sha256('1')), 'the view says it in short');
select throws_ok($$ select pg_temp.certify('edge-1', 'x', sha256('x')) $$, 'LS031',
    format('cannot issue a certificate with key %s…: it is not the authority''s', ls.short_digest(sha256('x'))), 'no other key signs');

select throws_ok($$ select ls.rotate_certificate_authority('2', sha256('2'), sha256('1'), 'age') $$, 'LS001', null, 'an authority is a PEM');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), '2', sha256('1'), 'age') $$, 'LS001', null, 'and a SHA-256');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), sha256('1'), '') $$, 'LS001',
    'cannot rotate the certificate authority: a reason is needed', 'a rotation has a reason');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), sha256('x'), 'age') $$, 'LS031',
    format('cannot rotate the certificate authority: found key %s…, the database knows %s…', ls.short_digest(sha256('x')), ls.short_digest(sha256('1'))), 'and starts from the present key');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), null, 'age') $$, 'LS031', null, 'whatever is said of it');
select lives_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), sha256('1'), 'age', 'ada') $$, 'the key is rotated');
select lives_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('2'), sha256('2'), sha256('1'), 'age', 'ada') $$, 'again: nothing happens');
select results_eq($$ select actor, subject, reason from ls.audit_entry where action = 'rotate authority' $$,
    $$ values ('ada', format('key %s to %s', ls.short_digest(sha256('1')), ls.short_digest(sha256('2'))), 'age') $$, 'it is in the audit log, once');
select throws_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('3'), sha256('3'), sha256('2'), 'age') $$, 'LS021',
    format('cannot rotate the certificate authority: key %s… of the rotation before is not retired yet', ls.short_digest(sha256('1'))), 'one rotation at a time');
select throws_ok($$ select ls.set_certificate_authority(pg_temp.pem('1'), sha256('1')) $$, 'LS031', null, 'a coordinator that comes with the old files is refused');
select throws_like($$ select ls.set_certificate_authority(pg_temp.pem('1'), sha256('1')) $$, '%its key % was rotated at %', 'and told why');
select lives_ok($$ select ls.set_certificate_authority(pg_temp.pem('2'), sha256('2')) $$, 'with the new files it starts');
select throws_ok($$ select ls.set_certificate_authority(pg_temp.pem('3'), sha256('3')) $$, 'LS031',
    format('cannot use this certificate authority: found key %s…, the database knows %s…', ls.short_digest(sha256('3')), ls.short_digest(sha256('2'))), 'a stranger''s key is still a stranger''s');
select is((select certificate_pem || previous_certificate_pem from ls.certificate_authority), pg_temp.pem('2') || pg_temp.pem('1'), 'both certificates are kept');

select results_eq($$ select previous_public_key_sha256, worker_count, previous_workers, previous_token_count from ls.authority_status() $$,
    $$ values (sha256('1'), 5::bigint, '{edge-1,edge-2,edge-3}'::text[], 1::bigint) $$, 'who depends on the key before: not who is gone for good, nor who never had a certificate');
select is((select since from ls.authority_status()), (select rotated_at from ls.certificate_authority), 'the new key signs since the rotation');
select lives_ok($$ select pg_temp.certify('edge-1', 'b1', sha256('1')) $$, 'a coordinator that was not started again goes on with the old key');
select is((select previous_workers from ls.authority_status()), '{edge-1,edge-2,edge-3}', 'which helps nobody');
select results_eq($$ select r.worker_name from token, ls.redeem_join_token(id, secret, sha256('k'), 'late') r $$, $$ values ('late') $$, 'a token from before still lets a worker in');
select pg_temp.certify('late', 'l1', sha256('2')), pg_temp.certify('new', 'n1');
select pg_temp.certify('edge-1', 'c1', sha256('2'));
select results_eq($$ select previous_workers, previous_token_count from ls.authority_status() $$, $$ values ('{edge-2,edge-3}'::text[], 0::bigint) $$, 'who renews depends on it no more');
select throws_ok($$ select ls.retire_certificate_authority('') $$, 'LS001', 'cannot retire the authority''s previous key: a reason is needed', 'a retirement has a reason');
select throws_ok($$ select ls.retire_certificate_authority('tidy') $$, 'LS021',
    format('cannot retire key %s…: 2 workers still carry a certificate of it: edge-2, edge-3', ls.short_digest(sha256('1'))), 'and waits for the workers');
select ls.revoke_worker('edge-3', 'stolen');
select throws_ok($$ select ls.retire_certificate_authority('tidy') $$, 'LS021',
    format('cannot retire key %s…: 1 worker still carries a certificate of it: edge-2', ls.short_digest(sha256('1'))), 'not for revoked ones');
select fixture.worker('m' || i) from generate_series(1, 6) i;
select pg_temp.certify('m' || i, 'm' || i, sha256('1')) from generate_series(1, 6) i;
select throws_like($$ select ls.retire_certificate_authority('tidy') $$, '%7 workers%: edge-2, m1, m2, m3, m4, …', 'many are not all named');
select lives_ok($$ select ls.retire_certificate_authority('stolen key', true, 'ada') $$, 'unless forced');
select results_eq($$ select actor, subject, reason from ls.audit_entry where action = 'retire authority' $$,
    $$ values ('ada', 'key ' || ls.short_digest(sha256('1')), 'stolen key (forced; shuts out edge-2, m1, m2, m3, m4, m5, m6)') $$, 'the audit log says whom it shut out');
select results_eq($$ select public_key_sha256, previous_public_key_sha256, previous_workers from ls.authority_status() $$,
    $$ values (sha256('2'), null::bytea, '{}'::text[]) $$, 'one key again');
select throws_ok($$ select ls.retire_certificate_authority('again') $$, 'LS021', null, 'it is retired once');
select throws_ok($$ select pg_temp.certify('edge-1', 'd1', sha256('1')) $$, 'LS031', null, 'a retired key signs nothing that counts');
select throws_ok($$ select ls.set_certificate_authority(pg_temp.pem('1'), sha256('1')) $$, 'LS031', null, 'nor does a coordinator start with it');
select lives_ok($$ select ls.rotate_certificate_authority(pg_temp.pem('3'), sha256('3'), sha256('2'), 'age') $$, 'the next rotation may begin');
select pg_temp.certify('new', 'n2'), pg_temp.certify('late', 'l2'), pg_temp.certify('edge-1', 'e1');
select lives_ok($$ select ls.retire_certificate_authority('done') $$, 'and ends by itself when nobody depends on it');
select is((select reason from ls.audit_entry where action = 'retire authority' limit 1), 'done', 'with its reason alone');
select * from finish();
rollback;
