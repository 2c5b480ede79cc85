-- ls.settle_promotions(incumbent) -> how many versions the gate looked at again that waited for figures of the incumbent. Of none in
-- particular (null): those that wait though nobody is at it, because their ranker or the incumbent's was busy
-- when the figures came or were to be asked for, or because the incumbent is another one now. Rankers that somebody else works
-- on are left for the next time: nobody waits here, so that two coordinators cannot wait for each other.
-- Called by: reconsider, housekeep.
create or replace function ls.settle_promotions(p_incumbent_version_id bigint default null)
returns integer
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_waiting record;
    v_count integer := 0;
begin
    for v_waiting in
        select w.version_id, v.ranker_id
        from ls.promotion_wait w join ls.ranker_version v using (version_id)
            join ls.ranker_version i on i.version_id = w.incumbent_version_id
        where w.incumbent_version_id = p_incumbent_version_id
            or (p_incumbent_version_id is null and case (select j.asks_for from ls.judge(w.version_id) j)
                when w.version_id then false  -- its own figures come to the gate when they come
                when w.incumbent_version_id then not exists (select from ls.task t
                    where t.ranker_id = i.ranker_id and t.version_id = i.version_id and t.kind = 'evaluate'
                        and (t.ended_at is null or t.ended_at > w.waiting_since))
                else true end)
        order by w.waiting_since, w.version_id limit 1000
    loop
        perform from ls.ranker where ranker_id = v_waiting.ranker_id for no key update skip locked;
        continue when not found;
        -- What still waits says so again. Whoever was forgotten meanwhile does not wait.
        delete from ls.promotion_wait where version_id = v_waiting.version_id;
        continue when not found;
        if not ls.is_withheld(v_waiting.version_id) then
            perform ls.consider_promotion(v_waiting.version_id);
        end if;
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function ls.settle_promotions(bigint) is 'Lets the promotion gate look again at versions that waited for the figures of their incumbent.';
