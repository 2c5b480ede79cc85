-- ls.figures_agree(figure, other) -> whether two figures that need no ranker are the same: sums of labels in one order, so apart from
-- the way they are written they differ by nothing. Not known on one side says nothing. Called by: compare_with_baseline,
-- check_report.
create or replace function ls.figures_agree(p_figure double precision, p_other double precision)
returns boolean
language sql immutable
as $$ select coalesce(abs(p_figure - p_other) <= 1e-6 * greatest(1, abs(p_figure), abs(p_other)), true); $$;
comment on function ls.figures_agree(double precision, double precision) is 'Whether two figures that do not depend on a ranker are the same.';
