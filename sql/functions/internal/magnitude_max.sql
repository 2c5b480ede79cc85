-- ls.magnitude_max() -> the size that no feature, no label and no figure made of them exceeds.
-- The only place in SQL that says it; Bounds.magnitudeMax says it in Swift, and a test compares the two.
-- Called by: beyond_magnitude, import_feature_file, report_figure.
create or replace function ls.magnitude_max()
returns real
language sql immutable
as $$ select 1e15::real $$;
comment on function ls.magnitude_max() is 'The size that no feature, no label and no figure made of them exceeds.';
