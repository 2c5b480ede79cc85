-- ls.differences(version values, incumbent values, query counts, widths) -> the paired differences of a decision, query by query: the
-- version's value minus the incumbent's, divided by the width of the labels' range of their set. Rounding may have left a hair
-- more than 1: it is cut off. Called by: judge.
create or replace function ls.differences(p_version_values real[], p_incumbent_values real[], p_query_counts integer[], p_widths double precision[])
returns double precision[]
language sql immutable parallel safe
as $$
    with sets as (
        select s.place, s.n, s.width, sum(s.n) over (order by s.place) - s.n as before
        from unnest(p_query_counts, p_widths) with ordinality s (n, width, place)
    )
    select coalesce(array_agg(case when v = i then 0::double precision
            else greatest(-1, least(1, (v::double precision - i::double precision) / s.width)) end order by s.place, q.place), '{}')
    from sets s cross join lateral unnest(p_version_values[s.before + 1 : s.before + s.n], p_incumbent_values[s.before + 1 : s.before + s.n])
        with ordinality q (v, i, place);
$$;
comment on function ls.differences(real[], real[], integer[], double precision[]) is
    'The paired differences of a promotion decision, query by query, from what it keeps.';
