-- ls.set_canary and ls.read_canary: what a node compares its own states with. And the permission to import features.
begin;
select plan(33);
select fixture.base_model();
select ls.register_base_model('other', 8, p_layer => 3);

-- A canary with one tensor, and these metadata.
create function pg_temp.file(p_metadata jsonb default '{}', p_numbers integer default 4) returns bytea language sql as $$
    select decode(lpad(to_hex(octet_length(h) % 256), 2, '0') || lpad(to_hex(octet_length(h) / 256), 2, '0') || '000000000000', 'hex')
        || convert_to(h, 'UTF8') || decode(repeat('003c', p_numbers), 'hex')
    from (select format('{"__metadata__":%s,"rows":{"dtype":"F16","shape":[%s],"data_offsets":[0,%s]}}',
        jsonb_build_object('format', 'canary/1', 'hidden_size', '4') || p_metadata, p_numbers, 2 * p_numbers) as h) h $$;

select is_empty($$ select * from ls.read_canary('tiny') $$, 'a base model has no canary at first');
select is((select canary from ls.base_model_status where name = 'tiny'), null, 'and none is shown');
select is(ls.set_canary('tiny', pg_temp.file(), 'ada'), sha256(pg_temp.file()), 'one is set');
select results_eq($$ select * from ls.read_canary('tiny') $$, $$ values (sha256(pg_temp.file()), pg_temp.file()) $$, 'and read');
select results_eq($$ select * from ls.read_canary('tiny', sha256(pg_temp.file())) $$, $$ values (sha256(pg_temp.file()), null::bytea) $$, 'without the bytes by whoever knows them');
select results_eq($$ select octet_length(bytes) from ls.read_canary('tiny', sha256('another')) $$, $$ values (octet_length(pg_temp.file())) $$, 'but not by who knows others');
select is((select canary from ls.base_model_status where name = 'tiny'), encode(sha256(pg_temp.file()), 'hex'), 'its digest is shown');
select is_empty($$ select * from ls.read_canary('other') $$, 'it is of this base model alone');
select results_eq($$ select actor, action, subject, reason from ls.audit_entry where action = 'set canary' $$,
    $$ values ('ada', 'set canary', 'tiny', format('SHA-256 %s…', ls.short_digest(sha256(pg_temp.file())))) $$, 'it is in the audit log');
select ls.set_canary('tiny', pg_temp.file(), 'ben');
select is((select count(*) from ls.audit_entry where action = 'set canary'), 1::bigint, 'the same again is nothing new');
select is((select set_by from ls.canary), 'ada', 'nor somebody else''s');
select is(ls.set_canary('tiny', pg_temp.file('{"text": "4"}')), sha256(pg_temp.file('{"text": "4"}')), 'another');
select results_eq($$ select digest from ls.read_canary('tiny') $$, $$ values (sha256(pg_temp.file('{"text": "4"}'))) $$, 'takes its place');
select is((select count(*) from ls.audit_entry where action = 'set canary'), 2::bigint, 'in the audit log, too');
select is(ls.set_canary('other', pg_temp.file('{"hidden_size": "8", "layer": "3"}')) is not null, true, 'of the layer that is known');

select throws_ok($$ select ls.set_canary('nano', pg_temp.file()) $$, 'LS010', null, 'an unknown base model is refused');
select throws_ok($$ select * from ls.read_canary('nano') $$, 'LS010', null, 'as when it is read');
select throws_ok($$ select ls.set_canary('tiny', null) $$, 'LS001', 'cannot set the canary of ''tiny'': found null, expected the bytes of a file', 'null is refused');
select throws_ok($$ select ls.set_canary('tiny', 'x') $$, 'LS002', 'cannot set the canary of ''tiny'': found 1 bytes, expected a safetensors file', 'so is what is no safetensors file');
select throws_ok($$ select ls.set_canary('tiny', substring(pg_temp.file() for octet_length(pg_temp.file()) - 1)) $$, 'LS002', null, 'one that is cut short');
select throws_ok($$ select ls.set_canary('tiny', pg_temp.file('{"format": "features/1"}')) $$, 'LS002', 'cannot set the canary of ''tiny'': found format ''features/1'', expected ''canary/1''', 'another format');
select throws_ok($$ select ls.set_canary('tiny', decode('0200000000000000' || '7b7d', 'hex')) $$, 'LS002', 'cannot set the canary of ''tiny'': found format ''null'', expected ''canary/1''', 'none');
select throws_ok($$ select ls.set_canary('tiny', decode('2800000000000000', 'hex') || '{"__metadata__":{"format": "canary/1"} }') $$, 'LS002', 'cannot set the canary of ''tiny'': found no tensor', 'nothing to compare with');
select throws_ok($$ select ls.set_canary('tiny', pg_temp.file('{"hidden_size": "8"}')) $$, 'LS004', 'cannot set the canary of ''tiny'': found hidden size 8, expected 4', 'another width');
select throws_ok($$ select ls.set_canary('other', pg_temp.file('{"hidden_size": "8", "layer": "2"}')) $$, 'LS004', 'cannot set the canary of ''other'': found layer 2, expected 3', 'another layer');
select throws_ok($$ select ls.set_canary('tiny', pg_temp.file(p_numbers => 8388609)) $$, 'LS040', null, 'and one of more than 16 MiB');
select is((select digest from ls.read_canary('tiny')), sha256(pg_temp.file('{"text": "4"}')), 'all of which leave what was there');
select lives_ok($$ select ls.set_canary('tiny', pg_temp.file(p_numbers => 8388480)) $$, 'almost 16 MiB are taken');

-- Permissions of keys.
select ls.create_api_key('old'), ls.create_api_key('node', p_base_models => '{tiny}', p_permissions => '{features,features}');
select results_eq($$ select name, permissions from ls.valid_api_keys() order by name $$, $$ values ('node', '{features}'::text[]), ('old', '{}') $$, 'a key may do no more than it is permitted');
select results_eq($$ select name, permissions from ls.api_key_status $$, $$ values ('node', '{features}'::text[]), ('old', '{}') $$, 'which is shown');
select is((select reason from ls.audit_entry where action = 'create api key' and subject = 'node'), 'users: any, domains: any, base models: tiny, permissions: features', 'and recorded');
select throws_ok($$ select ls.create_api_key('boss', p_permissions => '{features,everything}') $$, 'LS001', 'cannot create key ''boss'': found the permissions {everything,features}, expected features, or null for none', 'there is no other permission');
select throws_ok($$ select ls.create_api_key('boss', p_permissions => '{NULL}') $$, 'LS001', null, 'nor an unknown one');
select * from finish();
rollback;
