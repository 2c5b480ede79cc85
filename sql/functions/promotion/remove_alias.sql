-- ls.remove_alias(ranker, alias, reason, by) -> whether it was there.
-- Takes an alias away: what it named is named no more, and without a champion the ranker serves nobody.
-- Recorded as a move to no version. Exemptions from a champion end with it. Called by: choose_champion, judge_champion, forget_user, an operator.
create or replace function ls.remove_alias(p_ranker text, p_alias text, p_reason text, p_by text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
    v_from bigint;
begin
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot remove alias ''%s'': a reason is needed', left(p_alias, 60)));
    end if;
    perform from ls.ranker where ranker_id = v_ranker_id for no key update;
    delete from ls.ranker_alias where ranker_id = v_ranker_id and alias = p_alias returning version_id into v_from;
    if v_from is null then
        return false;
    end if;
    insert into ls.alias_history (ranker_id, alias, from_version_id, to_version_id, reason, moved_by)
    values (v_ranker_id, p_alias, v_from, null, p_reason, coalesce(p_by, session_user));
    perform ls.record_audit(p_by, 'remove alias', format('%s:%s', p_ranker, p_alias), p_reason);
    if p_alias = 'champion' then
        delete from ls.exemption where ranker_id = v_ranker_id;
        perform ls.watch_champion(v_ranker_id, v_from);
    end if;
    perform ls.notify_alias(v_ranker_id);
    return true;
end
$$;
comment on function ls.remove_alias(text, text, text, text) is
    'Removes an alias of a ranker, records who did it and why, and returns whether it existed; without a champion the ranker serves nobody. Refuses an unknown ranker (LS012) and an empty reason (LS001).';
