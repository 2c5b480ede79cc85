-- ls.housekeep(limit, archives only) -> how many tasks were archived, which months pruned; no row while somebody else is at it.
-- What nobody asks for and somebody must do. Every coordinator calls it; the lock ends with the transaction, so when
-- the one at work dies the next one goes on. While many tasks are left to archive it is called again and again for these alone: the rest
-- was done a moment ago, and the promotion gate has no more to look at. Called by: LedgerStore.housekeep.
create or replace function ls.housekeep(p_limit integer default 1000, p_archives_only boolean default false)
returns table (archived integer, pruned text[])
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if p_limit is null or p_limit not between 1 and 100000 then
        perform ls.refuse('LS001', format('cannot archive %s tasks at once: expected 1 to 100000', p_limit));
    end if;
    if not pg_try_advisory_xact_lock(7814432246803196016) then  -- 'lshouskp'
        return;
    end if;
    if p_archives_only then
        return query select ls.archive_tasks(p_limit), '{}'::text[];
        return;
    end if;
    perform ls.prune_decisions();
    perform ls.prune_identities(p_limit);
    return query select ls.archive_tasks(p_limit), ls.prune_archive();
    perform ls.settle_promotions();
    perform ls.judge_champions();
end
$$;
comment on function ls.housekeep(integer, boolean) is
    'Archives tasks that ended a while ago, prunes the archive, the decisions, and certificates and tokens that are long over, and '
    'lets the promotion gate look at what waits though nothing is missing, and at champions that may be worse than who would serve without them, unless another coordinator is at it. With p_archives_only it only archives.';
