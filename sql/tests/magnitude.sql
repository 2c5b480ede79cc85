-- ls.magnitude_max, ls.beyond_magnitude: one bound for features, labels and figures, found in hexadecimal digits.
begin;
select plan(9);
select is(ls.magnitude_max(), 1e15::real, 'the bound');
select is(encode(float4send(ls.magnitude_max()), 'hex'), '58635fa9', 'in bits, as Bounds.magnitudeMax has them');

-- Little-endian digits of a number of 32 bits.
create function pg_temp.digits(p_value real) returns text language sql as $$
    select string_agg(substr(encode(float4send(p_value), 'hex'), b, 2), '' order by b desc) from generate_series(1, 7, 2) b $$;
create temporary table number (value real, is_beyond boolean);
insert into number select v, abs(v) > ls.magnitude_max() or v in ('NaN', 'Infinity', '-Infinity')
from unnest(array[0, 1, -1, 1e-45, -1e-38, 999999986991104, 1000000054099968, -999999986991104, -1000000054099968, 9.9e14, 1.01e15, 3e38, -3e38,
    'Infinity', '-Infinity', 'NaN']::real[]) v;
select is_empty($$ select value from number where (pg_temp.digits(value) ~ ls.beyond_magnitude('F32')) <> is_beyond $$, 'each of 32 bits is found or not, as it should be');
select is_empty($$ select a.value, b.value from number a, number b
    where (pg_temp.digits(a.value) || pg_temp.digits(b.value) ~ ls.beyond_magnitude('F32')) <> (a.is_beyond or b.is_beyond) $$, 'also beside another');
select is_empty($$ select g from generate_series(-70000, 70000, 7) g, lateral (select ('x' || encode(float4send(ls.magnitude_max()), 'hex'))::bit(32)::bigint + g as bits) b
    where (pg_temp.digits(ls.single_precision(b.bits)) ~ ls.beyond_magnitude('F32')) <> (g > 0) $$, 'and around the bound');
select is_empty($$ select v from (values ('6358', false), ('63d8', false), ('6458', true), ('64d8', true), ('7f7f', true), ('807f', true), ('c0ff', true), ('ff57', false), ('0000', false)) c (v, beyond)
    where (v ~ ls.beyond_magnitude('BF16')) <> beyond or ('0000' || v || '803f' ~ ls.beyond_magnitude('BF16')) <> beyond $$, 'of bfloat16 the same');
select is_empty($$ select v from (values ('ff7b', false), ('fffb', false), ('007c', true), ('00fc', true), ('017e', true), ('0000', false)) c (v, beyond)
    where (v ~ ls.beyond_magnitude('F16')) <> beyond $$, 'float16 ends before the bound: what is not finite is found');
-- Figures are made of labels, and held to the same.
select is(ls.report_figure('{"oracle": -999999986991104}', 'oracle', false), -999999986991104::float8, 'a mean label at the bound is a figure');
select throws_ok($$ select ls.report_figure('{"oracle": 1.7e18}', 'oracle', false) $$, 'LS001',
    'cannot take an evaluation: found oracle 1700000000000000000, expected a number of size 1e+15 or less', 'and one beyond it is none');
select * from finish();
rollback;
