-- ls.percentage(figure, beside) -> a fraction as a percentage, with two decimals, or with all there
-- are where the one beside it would read the same and is not: "70.00%, the champion has 70.00%"
-- explains nothing. Of scores it may be any number.
-- Called by: choose_champion.
create or replace function ls.percentage(p_figure double precision,
    p_beside double precision default null)
returns text
language sql stable
as $$
    select case when f.figure <> f.beside and round(f.figure, 2) = round(f.beside, 2)
        then trim_scale(f.figure)
        else round(f.figure, 2) end || '%'
    from (values (100 * p_figure::text::numeric, 100 * p_beside::text::numeric)) f (figure, beside);
$$;
comment on function ls.percentage(double precision, double precision) is
    'A fraction as a percentage; with more decimals where another would read the same.';
