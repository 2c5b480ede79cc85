-- Join tokens, workers, certificates, presence, revocation.
begin;
select plan(49);
select throws_ok('select ls.create_join_token()', 'LS050', 'cannot create a join token: there is no certificate authority yet', 'no authority, no token');
select throws_ok($$ select ls.set_certificate_authority('x', sha256('ca')) $$, 'LS001', null, 'an authority is a PEM');
select lives_ok($$ select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\n', sha256('ca')) $$, 'the authority is set');
select lives_ok($$ select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\n', sha256('ca')) $$, 'again: nothing happens');
select throws_ok($$ select ls.set_certificate_authority(E'-----BEGIN CERTIFICATE-----\n', sha256('other')) $$, 'LS031', null, 'another one is refused');

create temporary table token as select t, (regexp_match(t, '::(.*)\.'))[1] as id, (regexp_match(t, '\.(.*)$'))[1] as secret
from (select ls.create_join_token(null, '1 hour', 'ada') as t) x;
select matches(t, '^LS1' || encode(sha256('ca'), 'hex') || '::[0-9a-f]{12}\.[0-9a-f]{64}$', 'the token''s form') from token;
select is((select count(*) from ls.join_token j, token where j::text like '%' || secret || '%'), 0::bigint, 'the secret is not stored');
select is((select count(*) from ls.audit_entry e, token where e::text like '%' || secret || '%'), 0::bigint, 'nor logged');
select is((select actor from ls.audit_entry), 'ada', 'who made it is');
select throws_ok($$ select ls.create_join_token('Bad Name') $$, 'LS001', null, 'a worker''s name fits a certificate');
select throws_ok($$ select ls.create_join_token(null, '0 s') $$, 'LS001', null, 'a token lives a while');

select throws_ok($$ select ls.redeem_join_token(id, 'wrong', sha256('k1'), 'edge') from token $$, 'LS030', 'cannot join: the token is not known here', 'a wrong secret');
select throws_ok($$ select ls.redeem_join_token('wrong', secret, sha256('k1'), 'edge') from token $$, 'LS030', 'cannot join: the token is not known here', 'a wrong id reads the same');
select throws_ok($$ select ls.redeem_join_token(null, null, sha256('k1'), 'edge') $$, 'LS030', null, 'nothing at all, too');
select throws_ok($$ select ls.redeem_join_token(id, secret, sha256('k1'), '../edge') from token $$, 'LS001', null, 'a name that is none');
select results_eq($$ select r.worker_name from token, ls.redeem_join_token(id, secret, sha256('k1'), 'Edge') r $$, $$ values ('edge') $$, 'the worker joins');
select results_eq($$ select r.worker_name from token, ls.redeem_join_token(id, secret, sha256('k1'), 'edge') r $$, $$ values ('edge') $$, 'again with the same key: the reply was lost');
select throws_ok($$ select ls.redeem_join_token(id, secret, sha256('k2'), 'edge') from token $$, 'LS030', 'cannot join: the token was used before, by another key', 'with another key: used');
select is((select count(*) from ls.worker), 1::bigint, 'one worker');
create function pg_temp.join(p_name text, p_key bytea, p_token_name text default null) returns text language plpgsql as $$
declare t text := ls.create_join_token(p_token_name); begin
    return (select worker_name from ls.redeem_join_token((regexp_match(t, '::(.*)\.'))[1], (regexp_match(t, '\.(.*)$'))[1], p_key, p_name)); end $$;
select is(pg_temp.join('edge', sha256('k2')), 'edge-2', 'a name that is taken gets a number');
select is(pg_temp.join('edge', sha256('k1')), 'edge', 'the same key is the same worker');
select is(pg_temp.join(null, sha256('k3')), 'worker', 'no name at all');
select is(pg_temp.join('mine', sha256('k4'), 'edge'), 'edge', 'a token for a name gives that name, enrolled anew');
select is((select public_key_sha256 from ls.worker where name = 'edge'), sha256('k4'), 'with the new key');
create temporary table short as select ls.create_join_token() as t;
update ls.join_token set expires_at = clock_timestamp() - interval '1 s' where used_at is null;
select throws_ok($$ select ls.redeem_join_token((regexp_match(t, '::(.*)\.'))[1], (regexp_match(t, '\.(.*)$'))[1], sha256('k'), 'x') from short $$, 'LS030', 'cannot join: the token has expired', 'too late');

select ls.record_certificate(1, 'a1', now(), now() + interval '24 hours');
select is(ls.authenticate_worker('edge', 'a1'), 1::bigint, 'a certificate names its worker');
select throws_ok($$ select ls.authenticate_worker('edge', 'zz') $$, 'LS031', 'cannot serve worker ''edge'': its certificate was not issued here', 'a serial nobody issued');
select throws_ok($$ select ls.authenticate_worker('stranger') $$, 'LS031', null, 'a name nobody has');
select is(ls.recover_worker('edge', sha256('k4')), 1::bigint, 'a worker that has its key gets a new certificate');
select is((select count(*) from ls.audit_entry where action = 'recover certificate'), 0::bigint, 'which is no event while the old one holds');
update ls.certificate set not_before = now() - interval '8 days', not_after = now() - interval '6 days';
select is(ls.recover_worker('edge', sha256('k4')), 1::bigint, 'nor must it hold any more');
select results_eq($$ select actor, subject from ls.audit_entry where action = 'recover certificate' $$, $$ values ('worker edge', 'edge') $$, 'then the audit log says so');
update ls.certificate set not_after = now() - interval '8 days', not_before = now() - interval '9 days';
select throws_ok($$ select ls.recover_worker('edge', sha256('k4')) $$, 'LS031', null, 'seven days later it is too late');
select throws_ok($$ select ls.recover_worker('edge', sha256('k1')) $$, 'LS031', 'cannot renew the certificate of worker ''edge'': no worker joined with this name and key', 'an older key');
select throws_ok($$ select ls.recover_worker('worker', sha256('k3')) $$, 'LS031', null, 'a worker that never had a certificate');
update ls.certificate set not_before = now(), not_after = now() + interval '1 day';
select is(pg_temp.join('mine', sha256('k6'), 'edge'), 'edge', 'the machine is lost, its name joins again');
select throws_ok($$ select ls.authenticate_worker('edge', 'a1') $$, 'LS031',
    'cannot serve worker ''edge'': the name has joined again since, on another machine or with another token', 'the lost machine''s certificate is worth nothing');
select ls.record_certificate(1, 'a2', now(), now() + interval '24 hours');
select lives_ok($$ select ls.record_certificate(1, 'a2', now(), now() + interval '24 hours') $$, 'recorded twice is recorded once');
with w as (insert into ls.worker (name, public_key_sha256) values ('same-serial', sha256('same serial')) returning worker_id)
select worker_id as other from w \gset
select throws_ok(format($$ select ls.record_certificate(%s, 'a2', now(), now() + interval '24 hours') $$, :other), 'LS020', null, 'a serial is one worker''s');
delete from ls.worker where name = 'same-serial';
select throws_ok($$ select ls.record_certificate(1, 'a3', now(), now() + interval '24 hours', null, sha256('k4')) $$, 'LS031',
    'cannot issue a certificate to worker ''edge'': it is for another key than the worker joined with', 'a certificate for the key of before');
select lives_ok($$ select ls.record_certificate(1, 'a4', now(), now() + interval '24 hours', null, sha256('k6')) $$, 'for the key that joined last');
select lives_ok($$ select ls.record_certificate(1, 'a5', now(), now() + interval '24 hours', null, sha256('k6')) $$, 'and again: a reply may be lost');
delete from ls.certificate where serial in ('a4', 'a5');
update ls.certificate set serial = 'a0' where serial = 'a1';
update ls.certificate set serial = 'a1' where serial = 'a2';
create temporary table connection as select connection as one from ls.worker_connected(1, 'c1', '0.1.0', 2, '{train}');
alter table connection add two uuid;
update connection set two = w.connection from ls.worker_connected(1, 'c2', '0.1.0', 2, '{train}') w;
select is(ls.worker_disconnected(1, one), false, 'the end of an older connection changes nothing') from connection;
select is((select state from ls.worker_status where name = 'edge'), 'connected', 'still connected');
select is(ls.worker_disconnected(1, two), true, 'the end of the newest does') from connection;
select throws_ok($$ select ls.revoke_worker('edge', '') $$, 'LS001', null, 'a revocation has a reason');
select ls.revoke_worker('edge', 'stolen', 'ada');
select throws_ok($$ select ls.authenticate_worker('edge', 'a1') $$, 'LS031', 'cannot serve worker ''edge'': it was revoked: stolen', 'a revoked worker is refused');
select throws_ok($$ select pg_temp.join('edge', sha256('k5'), 'edge') $$, 'LS031', null, 'its name is not handed out again');
select results_eq('select name, state from ls.worker_status', $$ values ('edge', 'revoked'), ('edge-2', 'never connected'), ('worker', 'never connected') $$, 'the status says so');
select * from finish();
rollback;
