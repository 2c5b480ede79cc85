-- ls.added(sums) -> sums of disjoint queries, as a list of lists of equal length, added element by element. Called by: judge, broken_rules.
create or replace function ls.added(p_sums double precision[])
returns double precision[]
language sql immutable parallel safe
as $$
    select array_agg(total order by k) from (
        select k, sum(p_sums[i][k]) as total
        from generate_series(1, array_length(p_sums, 1)) i, generate_series(1, array_length(p_sums, 2)) k group by k) s;
$$;
comment on function ls.added(double precision[]) is 'Lists of sums, added element by element.';
