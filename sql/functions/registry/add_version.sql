-- ls.add_version(ranker, digest, weights, report, parent, by) -> version id.
-- Brings in weights that were trained elsewhere. Like a trained version it is evaluated on its own
-- domain's test sets, and goes through the same promotion gate. Again: the same id.
-- Called by: LedgerStore.addVersion, an admin.
create or replace function ls.add_version(p_ranker text, p_digest bytea, p_weights bytea, p_report jsonb default '{}',
    p_parent_version_id bigint default null, p_by text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
    v_version_id bigint;
begin
    perform ls.keep_named(v_ranker_id, array[p_parent_version_id]);
    select v.version_id into strict v_version_id
    from ls.insert_version(v_ranker_id, p_digest, p_weights, p_report, p_parent_version_id,
        null, null, null, p_by) v;
    perform ls.evaluate_new_version(v_version_id, coalesce(p_by, session_user));
    return v_version_id;
end
$$;
comment on function ls.add_version(text, bytea, bytea, jsonb, bigint, text) is
    'Adds weights that were trained elsewhere as a version, and returns its id; adding the same bytes again returns the same id. The version is measured and offered to the promotion gate as a trained one is. Refuses an unknown ranker or parent (LS012, '
    'LS013), and bytes whose SHA-256 is not the digest (LS003).';
