-- ls.differences(version values, incumbent values, query counts, widths) -> the paired differences of a decision, query by query: the
-- version's value minus the incumbent's, divided by the width of the labels' range of their set. Rounding may have left a hair
-- more than 1: it is cut off. Called by: judge, broken_rules.
create or replace function ls.differences(p_version_values real[], p_incumbent_values real[], p_query_counts integer[], p_widths double precision[])
returns double precision[]
language sql immutable parallel safe
as $$
    with places as (
        select set_place, width, sum(n) over (order by set_place) - n as before, n
        from unnest(p_query_counts, p_widths) with ordinality s (n, width, set_place)
    )
    select coalesce(array_agg(greatest(-1, least(1,
            (v::double precision - i::double precision) / s.width)) order by q.place), '{}')
    from unnest(p_version_values, p_incumbent_values) with ordinality q (v, i, place)
        join places s on q.place > s.before and q.place <= s.before + s.n;
$$;
comment on function ls.differences(real[], real[], integer[], double precision[]) is
    'The paired differences of a promotion decision, query by query, from what it keeps.';
