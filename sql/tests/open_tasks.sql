-- ls.open_tasks: what has to end before it is known what became of some rankers.
begin;
select plan(7);
select fixture.base_model();
select fixture.worker('w');
select fixture.feature_set('math/algebra', 'train'), fixture.feature_set('math/algebra', 'test');
select fixture.ranker('math/algebra'), fixture.ranker(null, p_name => 'everyone'), fixture.ranker('code');
select is(ls.open_tasks('{math/algebra.listwise,code.listwise,nobody}'), '{}', 'nothing is open');
select is(ls.open_tasks(null), '{}', 'nor of nobody');
-- Nobody serves algebra but everyone's, which was measured nowhere.
select fixture.champion('everyone', 'e1');
select ls.cancel_task(task_id, 'not yet') from ls.task where state = 'waiting';
select ls.request_training('math/algebra.listwise') as task \gset
select is(ls.open_tasks('{math/algebra.listwise}'), array[:task]::bigint[], 'its training');
select fixture.train(1, 'a1');
create temporary table asked as select t.task_id, r.name from ls.task t join ls.ranker r using (ranker_id) where t.kind = 'evaluate' and t.state = 'waiting';
select is(ls.open_tasks('{math/algebra.listwise}'), (select array_agg(task_id) from asked where name = 'math/algebra.listwise'), 'the evaluation of its version');
-- Its own figures are there before the incumbent's.
create temporary table leased as select l.task_id, l.token, l.features from ls.lease_tasks(1, '{evaluate}', 2, 60) l;
select is((select ls.complete_evaluation(1, l.token, (select array_agg(decode(f ->> 'digest', 'hex')) from jsonb_array_elements(l.features) f), array[fixture.report(0.5)])
    from leased l join asked using (task_id) where asked.name = 'math/algebra.listwise' limit 1), true, 'it is measured');
select is(ls.open_tasks('{math/algebra.listwise}'), (select array_agg(task_id) from asked where name = 'everyone'), 'then the figures that the promotion gate waits for');
select is(ls.open_tasks('{code.listwise}'), '{}', 'which nobody else waits for');
select * from finish();
rollback;
