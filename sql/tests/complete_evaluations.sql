-- ls.complete_evaluations: what complete_evaluation does for one result, one call does for many.
begin;
select plan(17);
select fixture.base_model();
select fixture.feature_set(d, 'test') from unnest(array['math/algebra', 'math/geometry', 'code']) d;
select fixture.ranker(d) from unnest(array['code', 'math/algebra', 'math/geometry']) d;
select fixture.worker('a'), fixture.worker('b');
select fixture.version('math/geometry.listwise', 'g'), fixture.version('code.listwise', 'c'), fixture.version('math/algebra.listwise', 'a');
create temporary table lease as select row_number() over () as n, 1 as worker_id, l.* from ls.lease_tasks(1, '{evaluate}', 2, 60) l;
insert into lease select 3, 2, l.* from ls.lease_tasks(2, '{evaluate}', 1, 60) l;
create function pg_temp.hand_in(p_workers bigint[], p_numbers bigint[], p_reports jsonb[]) returns table (item integer, counted boolean) language sql as $$
    select c.* from (select array_agg(l.token order by u.ordinal) as tokens, array_agg(1 order by u.ordinal) as counts,
            array_agg(decode(l.features -> 0 ->> 'digest', 'hex') order by u.ordinal) as digests
        from unnest(p_numbers) with ordinality u (n, ordinal) join lease l using (n)) i,
        ls.complete_evaluations(p_workers, i.tokens, i.counts, i.digests, p_reports) c order by c.item $$;

select is_empty($$ select * from ls.complete_evaluations('{}', '{}', '{}', '{}', '{}') $$, 'no results, no answers');
select throws_ok($$ select * from ls.complete_evaluations('{1}', '{}', '{}', '{}', '{}') $$, 'LS001',
    'cannot take 0 results: found 1 workers, 0 counts for 0 digests and 0 reports', 'a worker for each result');
select throws_ok($$ select * from ls.complete_evaluations('{1}', array[gen_random_uuid()], '{2}', array[sha256('x')], '{"{}"}') $$, 'LS001', null, 'as many reports as said');
select throws_ok($$ select * from ls.complete_evaluations('{1}', array[gen_random_uuid()], '{1}', array[sha256('x')], '{}') $$, 'LS001', null, 'as many reports as digests');
select throws_ok($$ select * from ls.complete_evaluations('{1}', array[gen_random_uuid()], array[null]::integer[], '{}', '{}') $$, 'LS001', null, 'a count is known');
select throws_ok($$ select * from ls.complete_evaluations('{1,1}', array[gen_random_uuid(), gen_random_uuid()], '{2,-1}', array[sha256('x')], '{"{}"}') $$, 'LS001', null,
    'a count is not negative');
select throws_ok($$ select * from pg_temp.hand_in('{1,1}', '{1,2}', array[fixture.report(0.5), fixture.report(1.5)]) $$, 'LS001',
    'cannot take an evaluation: found accuracy 1.5, expected 0 to 1', 'one that is refused refuses the call');
select is((select count(*) from ls.evaluation), 0::bigint, 'and nothing of it is kept');

select throws_ok($$ select * from pg_temp.hand_in('{2,2}', '{1,3}', array[fixture.report(0.9), fixture.report(0.3)]) $$, 'LS001',
    'cannot take a result: its lease is another worker''s', 'so does another worker''s lease');
select results_eq($$ select * from pg_temp.hand_in('{2,1,1}', '{3,2,1}', array[fixture.report(0.7), fixture.report(0.6), fixture.report(0.5)]) $$,
    $$ values (1, true), (2, true), (3, true) $$, 'each hears of its own, in the order given');
select results_eq($$ select counted from ls.complete_evaluations('{1}', array[gen_random_uuid()], '{1}', array[sha256('x')], '{"{}"}') $$,
    $$ values (false) $$, 'a lease that is gone counts for nothing');
select results_eq($$ select l.n, e.accuracy from lease l join ls.task t using (task_id) join ls.evaluation e using (task_id) order by 1 $$,
    $$ values (1::bigint, 0.5::float8), (2, 0.6), (3, 0.7) $$, 'each has its own figures');
select is((select count(*) from ls.task where state = 'done'), 3::bigint, 'the tasks are done');
select is((select count(*) from ls.attempt where state = 'succeeded'), 3::bigint, 'by one attempt each');
select is((select count(*) from ls.ranker_alias where alias = 'champion'), 3::bigint, 'the gate was asked for each');
select results_eq($$ select * from pg_temp.hand_in('{1,2}', '{1,3}', array[fixture.report(0.8), fixture.report(0.8)]) $$,
    $$ values (1, true), (2, true) $$, 'twice: counted');
select is((select count(*) from ls.evaluation), 3::bigint, 'once');
select * from finish();
rollback;
