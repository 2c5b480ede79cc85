-- ls.promote(version, reason, by) -> whether the champion changed.
-- By hand, past the promotion gate: the reason is recorded. Called by: LedgerStore.promote, an admin.
create or replace function ls.promote(p_version_id bigint, p_reason text, p_by text default null)
returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
as $$ select ls.set_alias(p_version_id, 'champion', p_reason, p_by); $$;
comment on function ls.promote(bigint, text, text) is
    'Makes a version the champion of its ranker by hand, without the promotion gate, and returns whether the champion changed. '
    'Refuses an unknown version (LS013) and an empty reason (LS001).';
