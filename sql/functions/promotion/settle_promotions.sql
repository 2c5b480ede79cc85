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
    c_limit constant integer := 200;  -- of those that wait, at a time; those that were not looked at for longest come first
begin
    for v_waiting in
        select w.version_id, v.ranker_id
        from (select o.* from ls.promotion_wait o
                where p_incumbent_version_id is null or o.incumbent_version_id = p_incumbent_version_id
                order by o.looked_at, o.waiting_since, o.version_id limit c_limit) w
            join ls.ranker_version v using (version_id)
            join ls.ranker_version i on i.version_id = w.incumbent_version_id
        where w.incumbent_version_id = p_incumbent_version_id
            or (p_incumbent_version_id is null and (select case j.asks_for
                when w.version_id then false  -- its own figures come to the gate when they come
                when w.incumbent_version_id then not exists (select from ls.task t
                    where t.ranker_id = i.ranker_id and t.version_id = i.version_id and t.kind = 'evaluate'
                        and t.configuration = ls.default_evaluation_configuration()
                        and (t.ended_at is null or t.ended_at > w.waiting_since)
                        and exists (select from ls.task_feature_set s where s.task_id = t.task_id and s.feature_set_id = any (j.feature_set_ids)))
                else true end from ls.judge(w.version_id) j))
        order by w.waiting_since, w.version_id
    loop
        perform from ls.ranker where ranker_id = v_waiting.ranker_id for no key update skip locked;
        continue when not found;
        -- What still waits says so again. Whoever was forgotten meanwhile does not wait.
        delete from ls.promotion_wait where version_id = v_waiting.version_id;
        continue when not found;
        if not ls.is_withheld(v_waiting.version_id) then
            begin
                perform ls.consider_promotion(v_waiting.version_id);
            -- One that cannot be decided on keeps no other from it.
            exception
                when serialization_failure or deadlock_detected or lock_not_available then raise;
                when others then
                    perform ls.record_audit('lscoord', 'not decided',
                        (select name from ls.ranker where ranker_id = v_waiting.ranker_id), sqlerrm);
            end;
        end if;
        v_count := v_count + 1;
    end loop;
    if p_incumbent_version_id is null then
        update ls.promotion_wait w set looked_at = clock_timestamp()
        from (select o.version_id, o.incumbent_version_id from ls.promotion_wait o
            order by o.looked_at, o.waiting_since, o.version_id limit c_limit for update skip locked) o
        where w.version_id = o.version_id and w.incumbent_version_id = o.incumbent_version_id;
    end if;
    return v_count;
end
$$;
comment on function ls.settle_promotions(bigint) is 'Lets the promotion gate look again at versions that waited for the figures of their incumbent.';
