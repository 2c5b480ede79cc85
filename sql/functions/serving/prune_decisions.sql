-- ls.prune_decisions() -> the bytes that may still be written.
-- Drops hours of decisions that are older than ls.retention says. Then, until all fit its bytes: whichever key has most loses its
-- oldest hour, so that a key that keeps much pushes out nobody's history but its own. The hour under way stays. Dropping
-- waits at most a second for those who read, or is left for the next time. Called by: record_decisions, housekeep.
create or replace function ls.prune_decisions()
returns bigint
language plpgsql
as $$
declare
    v_keep interval;
    v_byte_count_max bigint;
    v_hour record;
    v_most record;
begin
    select keep, byte_count_max into v_keep, v_byte_count_max from ls.retention where what = 'decision';
    perform set_config('lock_timeout', '1s', true);
    begin
        for v_hour in
            select to_timestamp(right(c.relname, 13), 'YYYY_MM_DD_HH24')::timestamp at time zone 'UTC' as began
            from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where i.inhparent = 'ls.decision'::regclass order by c.relname
        loop
            exit when v_hour.began + interval '1 hour' > clock_timestamp() - v_keep;
            perform ls.drop_decisions(v_hour.began, null);
        end loop;
        for v_round in 1 .. 8 loop  -- what is left is for the next time
            exit when ls.decision_byte_count() <= v_byte_count_max;
            select v.api_key_id, min(v.hour) as hour into v_most from ls.decision_volume v
            group by v.api_key_id having min(v.hour) + interval '1 hour' <= clock_timestamp()
            order by sum(v.byte_count) desc, v.api_key_id limit 1;
            exit when not found;
            perform ls.drop_decisions(v_most.hour, v_most.api_key_id);
        end loop;
    exception
        when lock_not_available or deadlock_detected or undefined_table or object_not_in_prerequisite_state then
            null;  -- somebody reads, or another coordinator drops the same
    end;
    return v_byte_count_max - ls.decision_byte_count();
end
$$;
comment on function ls.prune_decisions() is
    'Drops hours of decisions that are older than are to be kept; when they are too many, the key that has most loses its oldest hour.';
