-- ls.housekeep(limit) -> how many tasks were archived, which months pruned; no row while somebody else is at it.
-- What nobody asks for and somebody must do. Every coordinator calls it; the lock ends with the transaction, so when
-- the one at work dies the next one goes on. Called by: LedgerStore.housekeep.
create or replace function ls.housekeep(p_limit integer default 1000)
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
    perform ls.prune_decisions();
    perform ls.prune_identities(p_limit);
    return query select ls.archive_tasks(p_limit), ls.prune_archive();
    perform ls.settle_promotions();
    perform ls.judge_champions();
end
$$;
comment on function ls.housekeep(integer) is
    'Archives tasks that ended a while ago, prunes the archive, the decisions, and certificates and tokens that are long over, and '
    'lets the promotion gate look at what waits though nothing is missing, and at champions that may be worse than who would serve without them, unless another coordinator is at it.';
