-- ls.log_sums, log_e, claims_that_hold: the e-value of paired differences. The reference's values are a test in Swift.
-- ls.words_of_e, points: how people read them.
begin;
select plan(28);

select is(ls.log_e(ls.log_sums('{}')), 0::double precision, 'before the first difference the e-value is 1');
select is(ls.log_e(ls.log_sums(null)), 0::double precision, 'and of nothing');
select is(ls.log_e(ls.log_sums('{0,0,-0}')), 0::double precision, 'equal queries say nothing');
select ok(abs(ls.log_e(ls.log_sums('{1}')) - ln(7.2 / 5)) < 1e-15, 'a win, by hand: (1.9 + 1.6 + 1.4 + 1.2 + 1.1) / 5');
select ok(abs(ls.log_e(ls.log_sums('{-1}')) - ln(2.8 / 5)) < 1e-15, 'a loss, by hand: (0.1 + 0.4 + 0.6 + 0.8 + 0.9) / 5');
select ok(abs(ls.log_e(array(select a + b from unnest(ls.log_sums('{0.5,-0.25}'), ls.log_sums('{0.1,1}')) s (a, b)))
    - ls.log_e(ls.log_sums('{1,0.1,-0.25,0.5}'))) < 1e-15, 'sums of parts add up, in any order');
select ok(abs(ls.log_e(ls.log_sums(array_fill(1::double precision, array[100000]))) - (100000 * ln(1.9::double precision) - ln(5::double precision))) < 1e-6,
    'a hundred thousand wins are a finite number');
select ok(ls.log_e(ls.log_sums(array_fill(-1::double precision, array[100000]))) > -20000, 'and so many losses');
select throws_ok($$ select ls.log_sums('{0.5,1.5}') $$, 'LS001', 'cannot weigh differences: found one below -1 or above 1', 'a difference out of range is refused');
select throws_ok($$ select ls.log_sums('{NaN}') $$, 'LS001', null, 'and one that is no number');

select is(ls.claims_that_hold(array[ln(11), ln(1e6)], 0.1), '{1,2}', 'a strong claim takes a weaker one along');
select is(ls.claims_that_hold(array[ln(11), 0]::double precision[], 0.1) || ls.claims_that_hold('{}', 0.1), '{}', 'alone it does not hold');

select is(ls.words_of_e(ln(e)), w, 'an e-value of ' || e) from (values (1::float8, '1'), (0.43, '0.43'), (0.009, 'less than 0.01'), (18.249, '18.2'), (19.99, '19.9'), (20, '20'), (312.7, '312'), (654321.5, '654321'), (2e13, '10^13')) v (e, w);
select is(ls.words_of_e(null), null, 'none reads as none');
select is(ls.words_of_e(-1e5) || ' ' || ls.words_of_e(1e5), 'less than 0.01 10^43429', 'and none is too small or too large');
select is(array(select ls.points(d) from unnest(array[0.052, -0.003, 0, 0.0004, -0.0004, 1, null]::float8[]) d), '{+5.2,-0.3,0.0,0.0,0.0,+100.0,null}'::text[], 'points have a sign');
select throws_ok(format('select ls.claims_that_hold(%L, %s)', '{1}', r), 'LS001', null, 'no rate: ' || r) from unnest(array['0', '1.5', 'null']) r;
set local role ls_reader;
select throws_ok($$ select ls.log_sums('{2}') $$, 'LS001', null, 'a reader who weighs hears what is wrong');
reset role;

select * from finish();
rollback;
