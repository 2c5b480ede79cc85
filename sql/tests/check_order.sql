-- ls.ask_for_evidence, check_own_word: checks are opened in the order of their evaluations, however these are found, so that of two
-- transactions that open the same ones none waits for the other.
begin;
select plan(4);
select fixture.base_model(), fixture.worker('maker');
update ls.check_policy set share = 0;
set local enable_seqscan = off;
select fixture.feature_set('code', 'train'), fixture.ranker('code');
select ls.request_training('code.listwise'), fixture.train(1, 'w');
select fixture.feature_set('code', 'test', salt) from unnest('{a,b,c}'::text[]) salt;
-- Measured from the last set to the first, as a worker of before reports.
select ls.insert_evaluation(1, feature_set_id, ls.default_evaluation_configuration(),
    fixture.report(0.5, '{"query_values": null, "method_query_values": null, "label_range": null}'), null, 1)
from ls.feature_set where split = 'test' order by feature_set_id desc;
create function pg_temp.opened() returns table (reason text, is_in_order boolean) language sql as $$
    select min(reason), count(*) = 3 and array_agg(evaluation_id order by evaluation_check_id) = array_agg(evaluation_id order by evaluation_id) from ls.evaluation_check $$;
select is(ls.ask_for_evidence(1, 1, '{2,3,4}', ls.default_evaluation_configuration()), true, 'three figures that say nothing of single queries');
select results_eq('select * from pg_temp.opened()', $$ values ('single queries', true) $$, 'are measured again in order');
delete from ls.evaluation_check;
select is(ls.check_own_word(1, null, '{2,3,4}', ls.default_evaluation_configuration()), false, 'what the maker of a version said of it');
select results_eq('select * from pg_temp.opened()', $$ values ('trained and measured', true) $$, 'is, too');
select * from finish();
rollback;
