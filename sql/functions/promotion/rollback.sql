-- ls.rollback(ranker, reason, by, alias) -> the version that is champion (or the alias) now.
-- Puts back the champion before the last promotion; again: the one before that. Rolled-back
-- versions are not promoted again by the gate, only by hand. Where there is none now (the gate withdrew it, say): the last one.
-- Called by: LedgerStore.rollback, an admin.
create or replace function ls.rollback(p_ranker text, p_reason text, p_by text default null, p_alias text default 'champion')
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
    v_current bigint;
    v_before bigint;
begin
    perform from ls.ranker where ranker_id = v_ranker_id for no key update;
    select version_id into v_current from ls.ranker_alias where ranker_id = v_ranker_id and alias = p_alias;
    -- The move that made it champion in earnest, not a rollback to it.
    select from_version_id into v_before from ls.alias_history
    where ranker_id = v_ranker_id and alias = p_alias and to_version_id is not distinct from v_current and not is_rollback
    order by alias_history_id desc limit 1;
    -- One that learned from whom is forgotten is passed.
    while v_before is not null and exists (select from ls.ranker_version v where v.version_id = v_before and v.forgotten_at is not null) loop
        v_before := (select h.from_version_id from ls.alias_history h
            where h.ranker_id = v_ranker_id and h.alias = p_alias and h.to_version_id = v_before and not h.is_rollback
            order by h.alias_history_id desc limit 1);
    end loop;
    if v_before is null then
        perform ls.refuse('LS021', format('cannot roll back ranker ''%s'': it has had no %s%s', p_ranker, left(p_alias, 60),
            case when v_current is not null then ' before this one' else '' end),
            case when v_current is not null then format('select ls.remove_alias(%L, %L, ''reason'') leaves it without one', p_ranker, p_alias) end);
    end if;
    perform ls.set_alias(v_before, p_alias, p_reason, p_by, true);
    return v_before;
end
$$;
comment on function ls.rollback(text, text, text, text) is
    'Restores the previous champion (or the previous version of another alias), and returns it; each further call goes back one more; where there is none now, the last one. The gate does not promote a version again that was rolled back. Refuses an unknown ranker (LS012), an empty reason (LS001), and a ranker '
    'that had no champion before (LS021).';
