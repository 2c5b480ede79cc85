-- ls.set_alias(version, alias, reason, by) -> whether the alias moved.
-- Points the alias of the version's ranker at the version; already there: nothing happens.
-- With the champion all exemptions from it end (ls.exemption), and who falls back on it is judged anew (ls.watch_champion).
-- Every coordinator hears of it on channel ls_alias (ls.notify_alias), after the commit.
-- Called by: promote, rollback, consider_promotion, choose_champion, LedgerStore.setAlias, an admin.
create or replace function ls.set_alias(p_version_id bigint, p_alias text, p_reason text,
    p_by text default null, p_is_rollback boolean default false)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.version_ranker(p_version_id);
    v_from bigint;
    v_name text;
begin
    if p_alias is null or p_alias !~ '^[a-z][a-z0-9_-]{0,39}$' then
        perform ls.refuse('LS001', format('cannot use ''%s'' as an alias: expected a lower-case word', left(p_alias, 60)));
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot move alias ''%s'': a reason is needed', p_alias));
    end if;
    if p_is_rollback is null then
        perform ls.refuse('LS001', format('cannot move alias ''%s'': found null, expected whether it is a rollback', p_alias));
    end if;
    -- Moves of one ranker's aliases happen one after the other.
    select name into v_name from ls.ranker where ranker_id = v_ranker_id for no key update;
    -- who was waited for may have been a user's forgetting
    perform ls.version_ranker(p_version_id);
    select version_id into v_from from ls.ranker_alias where ranker_id = v_ranker_id and alias = p_alias;
    if v_from = p_version_id then
        return false;
    end if;
    insert into ls.ranker_alias as a (ranker_id, alias, version_id) values (v_ranker_id, p_alias, p_version_id)
    on conflict (ranker_id, alias) do update set version_id = excluded.version_id, moved_at = clock_timestamp();
    insert into ls.alias_history (ranker_id, alias, from_version_id, to_version_id, is_rollback, reason, moved_by)
    values (v_ranker_id, p_alias, v_from, p_version_id, p_is_rollback, p_reason, coalesce(p_by, session_user));
    perform ls.record_audit(p_by, 'set alias',
        (select format('%s:%s -> version %s', v_name, p_alias, number) from ls.ranker_version where version_id = p_version_id),
        p_reason);
    if p_alias = 'champion' then
        delete from ls.exemption where ranker_id = v_ranker_id;
        perform ls.watch_champion(v_ranker_id, v_from);
    end if;
    perform ls.notify_alias(v_ranker_id);
    return true;
end
$$;
comment on function ls.set_alias(bigint, text, text, text, boolean) is
    'Points an alias of a ranker at one of its versions, records who moved it and why, and returns whether it moved. '
    'Refuses an unknown version (LS013), and an alias that is no lower-case word, an empty reason and a null (LS001).';
