-- ls.place_ranker(ranker, worker, reason, by): from now on the ranker is scored on that worker, as far as it answers in time;
-- otherwise here. The worker fetches the weights when it is first asked. Again: nothing happens.
-- Called by: LedgerStore.placeRanker, an operator.
create or replace function ls.place_ranker(p_ranker text, p_worker text, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
    v_worker_id bigint;
begin
    select w.worker_id into v_worker_id from ls.worker w where w.name = p_worker and w.revoked_at is null;
    if not found then
        perform ls.refuse('LS016', format('cannot place ranker ''%s'' on worker ''%s'': no worker has this name, or it is revoked', p_ranker, left(p_worker, 80)),
            'select name from ls.worker_status lists the workers');
    end if;
    if exists (select from ls.ranker where ranker_id = v_ranker_id and home_worker_id is not null) then
        perform ls.refuse('LS021', format('cannot place ranker ''%s'': it is edge-only, and its home is where it is scored', p_ranker));
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot place ranker ''%s'': a reason is needed', p_ranker));
    end if;
    update ls.ranker set placed_worker_id = v_worker_id where ranker_id = v_ranker_id and placed_worker_id is distinct from v_worker_id;
    if found then
        perform ls.record_audit(p_by, 'place ranker', format('%s on %s', p_ranker, p_worker), p_reason);
        perform pg_notify('ls_route', '');
    end if;
end
$$;
comment on function ls.place_ranker(text, text, text, text) is
    'Places a ranker on a worker, which scores its requests as long as it answers in time. Refuses an unknown ranker or worker (LS012, LS016), an '
    'edge-only ranker (LS021) and an empty reason (LS001).';
