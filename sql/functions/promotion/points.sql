-- ls.points(difference) -> a difference of rewards in points with its sign, to a tenth: +5.2, -0.3, 0.0.
-- Called by: words_of_judgement, view promotion_status.
create or replace function ls.points(p_difference double precision)
returns text
language sql immutable
as $$
    select case when round((100 * p_difference)::numeric, 1) > 0 then '+' else '' end || round((100 * p_difference)::numeric, 1);
$$;
comment on function ls.points(double precision) is 'A difference of rewards in points, with its sign.';
