-- ls.unplace_ranker(ranker, reason, by) -> whether it was placed. From now on it is scored where requests come in.
-- Called by: LedgerStore.unplaceRanker, an operator.
create or replace function ls.unplace_ranker(p_ranker text, p_reason text, p_by text default null)
returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
begin
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot take ranker ''%s'' off its worker: a reason is needed', p_ranker));
    end if;
    update ls.ranker set placed_worker_id = null where ranker_id = v_ranker_id and placed_worker_id is not null;
    if not found then
        return false;
    end if;
    perform ls.record_audit(p_by, 'unplace ranker', p_ranker, p_reason);
    perform pg_notify('ls_route', '');
    return true;
end
$$;
comment on function ls.unplace_ranker(text, text, text) is
    'Ends the placement of a ranker on a worker, and returns whether there was one. Refuses an unknown ranker (LS012) and an empty reason (LS001).';
