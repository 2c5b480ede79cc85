-- ls.log_e(sums) -> the natural logarithm of an e-value: of the mean of what the five bets of ls.log_sums have won. (E15)
-- If nothing is better on average, the chance that it ever reaches ln(1 / alpha) is at most alpha, however often one
-- looks. 0 before the first difference. Called by: judge, broken_rules, an analyst.
create or replace function ls.log_e(p_log_sums double precision[])
returns double precision
language sql immutable parallel safe
as $$
    -- The greatest is taken out, so that none overflows.
    select m.greatest + ln(avg(exp(greatest(s - m.greatest, -700)))) from unnest(p_log_sums) s,
        (select max(s) as greatest from unnest(p_log_sums) s) m
    group by m.greatest;
$$;
comment on function ls.log_e(double precision[]) is
    'The natural logarithm of the e-value of sums that ls.log_sums returned, or of several added up, element by element.';
