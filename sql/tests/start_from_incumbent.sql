-- ls.start_from_incumbent, fresh_start, incumbent_of_ranker: a training starts from the weights of who serves, where they fit.
begin;
select plan(19);
select fixture.base_model();
select fixture.feature_set(d, 'train') from unnest(array['code', 'math/algebra']) d;
select fixture.worker(n) from unnest(array['w', 'home']) n;
create function pg_temp.ranker(p_domain text, p_start text default 'incumbent', p_user text default null, p_name text default null,
    p_configuration jsonb default '{"kind": "listwise", "hidden_size": 4}') returns text language sql as $$
    select name from ls.register_ranker('tiny', 'listwise', p_configuration, jsonb_build_object('epochs', 1, 'seed', 7, 'start', p_start),
        p_user, p_domain, p_name);
$$;
-- The first weights of a training that is asked for now, as ranker@number.
create function pg_temp.starts_from(p_ranker text, p_seed bigint) returns text language plpgsql as $$
declare
    v_id bigint := ls.request_training(p_ranker, p_seed => p_seed);
begin
    return (select r.name || '@' || v.number from ls.task t join ls.ranker_version v on v.version_id = t.initial_version_id
        join ls.ranker r on r.ranker_id = v.ranker_id where t.task_id = v_id);
end
$$;

select is(ls.fresh_start('{"start": "incumbent", "seed": 1}', 'pointwise'), '{"start": "standardised", "seed": 1}', 'fresh weights of a pointwise ranker');
select is(ls.fresh_start('{"start": "incumbent"}', 'listwise'), '{"start": "standardised"}', 'and of a listwise one');
select is(ls.fresh_start('{"start": "standardised"}', 'listwise'), '{"start": "standardised"}', 'what was asked for stays');
select is(ls.fresh_start('{"seed": 1}', 'listwise'), '{"seed": 1}', 'nothing stays nothing');

select pg_temp.ranker('code');
select is(pg_temp.starts_from('code.listwise', 1), null, 'nobody serves: fresh weights');
select pg_temp.ranker(null);
select fixture.champion('global.listwise', 'g');
select is(pg_temp.starts_from('code.listwise', 2), 'global.listwise@1', 'the next of the chain serves');
select is((select l.configuration ->> 'start' from ls.lease_tasks(1, '{train}', 9, 60) l where l.weights_digest is not null), 'standardised',
    'a worker gets the weights, and need not know what an incumbent is');
select fixture.champion('code.listwise', 'a');
select is(pg_temp.starts_from('code.listwise', 3), 'code.listwise@1', 'its own champion before others');
select is(pg_temp.starts_from(pg_temp.ranker('code', 'uniform', null, 'scratch'), 4), null, 'from scratch when asked');
select is(pg_temp.starts_from(pg_temp.ranker('code', p_name => 'wide', p_configuration => '{"kind": "listwise", "hidden_size": 4, "projection_size": 2}'),
    5), null, 'weights of another shape do not fit');
select is(pg_temp.starts_from(pg_temp.ranker('code', p_user => 'ada'), 6), 'code.listwise@1', 'a user starts from the domain');
select fixture.champion('~ada/code.listwise', 'hers');
select ls.add_route_rule('odd', 'pin', '~ada/code.listwise@1', 1, 'ben');
select is(pg_temp.starts_from(pg_temp.ranker('code', p_user => 'ben'), 7), null, 'nobody starts from another user''s weights');

-- Twice, and behind another task.
select is(ls.request_training('code.listwise', p_seed => 100), ls.request_training('code.listwise', p_seed => 100), 'asked twice it is one task');
select pg_temp.ranker('math/algebra');
create temporary table behind as select ls.request_training('math/algebra.listwise', p_seed => 7, p_after => array[(select max(task_id) from ls.task)]) as id;
select is((select initial_version_id from ls.task join behind on id = task_id), null, 'a task that waits for another starts from nothing yet');
select fixture.champion('math/algebra.listwise', 'later');
update ls.task set priority = 100 where configuration ->> 'seed' = '100';
select ls.complete_training(1, l.token, sha256('w100'), 'w100', '{}') from ls.lease_tasks(1, '{train}', 99, 60) l where l.configuration ->> 'seed' = '100';
select is((select r.name || '@' || v.number from ls.task t join behind on id = task_id join ls.ranker_version v on v.version_id = t.initial_version_id
    join ls.ranker r on r.ranker_id = v.ranker_id), 'math/algebra.listwise@1', 'but from who serves when its turn comes');
select is((select p.number from ls.ranker_version v join ls.ranker_version p on p.version_id = v.parent_version_id
    where v.digest = sha256('w100')), 1, 'lineage says where a version started');

select is((select count(*) from ls.broken_rules(true)), 0::bigint, 'every rule holds');
-- Bytes that are nowhere.
set local session_replication_role = replica;
update ls.ranker_weights set bytes = null where digest = sha256('a');
set local session_replication_role = origin;
select is(pg_temp.starts_from('scratch', 8), null, 'from scratch as before');
select is(pg_temp.starts_from('code.listwise', 9), null, 'weights whose bytes are nowhere are not started from');
select * from finish();
rollback;
