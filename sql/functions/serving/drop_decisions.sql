-- ls.drop_decisions(hour, key): the decisions of an hour go, with the room they took; of one key ('' for those of none), or of all
-- (null). What others kept in the hour is written anew: deleted rows would give no room back. An hour that somebody's own view
-- reads cannot be dropped: it is emptied.
-- Called by: prune_decisions.
create or replace function ls.drop_decisions(p_hour timestamptz, p_key text)
returns void
language plpgsql
as $$
declare
    v_name text := 'decision_' || to_char(p_hour at time zone 'UTC', 'YYYY_MM_DD_HH24');
begin
    if to_regclass('ls.' || v_name) is not null then
        begin
            execute format('alter table ls.decision detach partition ls.%I', v_name);
            if exists (select from ls.decision_volume v where v.hour = p_hour and v.api_key_id <> p_key) then
                execute format('alter table ls.%I rename to decision_before', v_name);
                perform ls.ensure_decision_partition(p_hour);
                insert into ls.decision select * from ls.decision_before d where coalesce(d.api_key_id, '') <> p_key;
                drop table ls.decision_before;
            else
                execute format('drop table ls.%I', v_name);
            end if;
        exception when dependent_objects_still_exist then
            -- Somebody's own view reads the hour: what is not to be kept goes, their view stays.
            if pg_relation_size(('ls.' || v_name)::regclass) > 0 then
                execute format('create table ls.decision_before as select * from ls.%I d where coalesce(d.api_key_id, '''') <> $1', v_name)
                using p_key;
                execute format('truncate ls.%I', v_name);
                execute format('insert into ls.%I select * from ls.decision_before', v_name);
                drop table ls.decision_before;
                raise warning 'ls.% was emptied and not dropped: something that is not of the ledger reads it', v_name;
            end if;
        end;
    end if;
    delete from ls.decision_volume v where v.hour = p_hour and (p_key is null or v.api_key_id = p_key);
end
$$;
comment on function ls.drop_decisions(timestamptz, text) is
    'The decisions of an hour go, with the room they took: of one key, or of all (null).';
