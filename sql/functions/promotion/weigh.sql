-- ls.weigh(version values, incumbent values, query counts, widths, margin) -> what paired differences prove, one row for each test set in
-- order, in one pass over the queries: how many there are, their sum, and what five bets have won (ls.log_sums)
-- on the version being better (or, with a margin, not worse by more than that), worse, and worse by more than the margin.
-- Sums of disjoint sets add up. Differences are those of ls.differences. Called by: judge, broken_rules.
create or replace function ls.weigh(p_version_values real[], p_incumbent_values real[], p_query_counts integer[], p_widths double precision[],
    p_margin double precision default 0)
returns table (place integer, query_count integer, total double precision,
    log_better double precision[], log_worse double precision[], log_harm double precision[])
language sql immutable parallel safe
as $$
    with sets as (
        select s.place::integer as place, s.n, s.width, sum(s.n) over (order by s.place) - s.n as before
        from unnest(p_query_counts, p_widths) with ordinality s (n, width, place)
    ), pairs as (
        -- Equal values differ by 0 whatever the width: most of them, and quickly said.
        select s.place, case when v = i then 0::double precision
            else greatest(-1, least(1, (v::double precision - i::double precision) / s.width)) end as d
        from sets s cross join lateral unnest(p_version_values[s.before + 1 : s.before + s.n], p_incumbent_values[s.before + 1 : s.before + s.n]) q (v, i)
    ), counted as (
        -- Equal differences are weighed once: picks of single queries take few values.
        select place, d, count(*) as n, (d + p_margin) / (1 + p_margin) as better, (-d - p_margin) / (1 + p_margin) as harm
        from pairs group by place, d
    )
    select place, sum(n)::integer, sum(n * d),
        array[sum(n * ln(1 + 0.9 * better)), sum(n * ln(1 + 0.6 * better)), sum(n * ln(1 + 0.4 * better)),
            sum(n * ln(1 + 0.2 * better)), sum(n * ln(1 + 0.1 * better))],
        array[sum(n * ln(1 - 0.9 * d)), sum(n * ln(1 - 0.6 * d)), sum(n * ln(1 - 0.4 * d)),
            sum(n * ln(1 - 0.2 * d)), sum(n * ln(1 - 0.1 * d))],
        array[sum(n * ln(1 + 0.9 * harm)), sum(n * ln(1 + 0.6 * harm)), sum(n * ln(1 + 0.4 * harm)),
            sum(n * ln(1 + 0.2 * harm)), sum(n * ln(1 + 0.1 * harm))]
    from counted group by place order by place;
$$;
comment on function ls.weigh(real[], real[], integer[], double precision[], double precision) is
    'What the paired differences of a promotion decision prove, one row for each test set; the sums of several sets add up.';
