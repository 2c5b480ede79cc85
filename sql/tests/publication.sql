-- Somebody publishes all tables (logical replication): nothing that the ledger does to its rows is
-- refused for want of a key.
begin;
select plan(9);
set local client_min_messages = error;  -- whatever wal_level this server has
create publication everything for all tables;
select is_empty($$ select c.oid::regclass from pg_class c where c.relnamespace = 'ls'::regnamespace
    and c.relkind in ('r', 'p') and c.relreplident = 'd'
    and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) $$,
        'every table has a replica identity');
select fixture.base_model();
select fixture.feature_set('code', 'train'), fixture.feature_set('code', 'train', 'q',
    p_user => 'ada');
select fixture.ranker('code'), fixture.ranker('code', p_user => 'ada', p_name => 'hers');
select fixture.version('code.listwise', 'w');
create function pg_temp.record(p_user text, p_key text) returns integer language sql as $$
    select ls.record_decisions(jsonb_build_array(jsonb_build_object('request_id', 'r', 'user',
        p_user, 'api_key_id', p_key, 'role', 'serve', 'model', 'tiny',
        'version_id', 1, 'reason', 'global', 'is_fallback', false, 'arithmetic', 'float32',
            'hidden_size', 4, 'dtype', 'F32', 'scores', '[1]'::jsonb)), array['\x00'::bytea]) $$;
select is(array[pg_temp.record('ada', 'a'), pg_temp.record('ben', 'b'), pg_temp.record('cem', 'c')],
    '{1,1,1}', 'decisions are recorded');
select ls.cancel_task(ls.request_training('code.listwise', p_seed => s, p_by => 'ada'),
    'asked by ada') from generate_series(1, 2) s;
select ls.cancel_task(ls.request_training('hers', p_seed => 1), 'enough');
update ls.task set ended_at = ended_at - interval '2 hours' where state = 'cancelled';
select is(ls.archive_tasks(100), 3, 'tasks are archived');
select is_empty($$ select c.oid::regclass from pg_class c where c.relnamespace = 'ls'::regnamespace
    and c.relkind in ('r', 'p') and c.relreplident = 'd'
    and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary) $$,
        'so have the partitions that were made meanwhile');
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'a user is forgotten');
select results_eq('select user_name from ls.decision order by 1', $$ values ('ben'), ('cem') $$,
    'with her decisions');
select results_eq('select owner, ended_because from ls.task_archive', $$
    values ('(forgotten)', 'asked by (forgotten)'), ('(forgotten)', 'asked by (forgotten)') $$,
        'and her name in the archive');
select lives_ok($$ select ls.drop_decisions(hour, 'b') from ls.decision_volume
    where api_key_id = 'b' $$, 'the decisions of a key make room');
select lives_ok($$ select ls.housekeep() $$, 'and housekeeping goes on');
select * from finish();
rollback;
