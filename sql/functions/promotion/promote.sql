-- ls.promote(version, reason, by) -> whether the champion changed.
-- By hand, past the promotion gate: the reason is recorded. From then on it serves everybody: also when it is champion already, all
-- exemptions from it end (ls.exemption). Called by: LedgerStore.promote, an admin.
create or replace function ls.promote(p_version_id bigint, p_reason text, p_by text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.version_ranker(p_version_id);
    v_count bigint;
begin
    if ls.set_alias(p_version_id, 'champion', p_reason, p_by) then
        return true;
    end if;
    delete from ls.exemption where ranker_id = v_ranker_id;
    get diagnostics v_count = row_count;
    if v_count > 0 then
        perform ls.record_audit(p_by, 'end exemptions', (select name from ls.ranker where ranker_id = v_ranker_id), p_reason);
        perform ls.notify_alias(v_ranker_id);
    end if;
    return false;
end
$$;
comment on function ls.promote(bigint, text, text) is
    'Makes a version the champion of its ranker by hand, without the promotion gate, for everybody, and returns whether the champion changed. '
    'Refuses an unknown version (LS013) and an empty reason (LS001).';
