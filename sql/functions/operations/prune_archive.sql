-- ls.prune_archive() -> the months that were dropped.
-- Drops whole months of the archive that ended longer ago than ls.retention says ('archive'; null: none). Taking
-- a month out waits at most a second for those who read the archive, or is left for the next time. A month
-- that somebody's own view reads is emptied instead: what is not to be kept goes, their view stays.
-- Called by: housekeep.
create or replace function ls.prune_archive()
returns text[]
language plpgsql
as $$
declare
    v_keep interval := (select keep from ls.retention where what = 'archive');
    v_month record;
    v_gone text[] := '{}';
begin
    if v_keep is null then
        return v_gone;
    end if;
    perform set_config('lock_timeout', '1s', true);
    for v_month in
        select c.oid, c.relname, to_date(right(c.relname, 7), 'YYYY_MM') + interval '1 month' as ended
        from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'ls.task_archive'::regclass order by c.relname
    loop
        exit when v_month.ended at time zone 'UTC' > clock_timestamp() - v_keep;
        begin
            execute format('alter table ls.task_archive detach partition ls.%I', v_month.relname);
            execute format('drop table ls.%I', v_month.relname);
            v_gone := v_gone || v_month.relname::text;
        exception
            when lock_not_available then
                exit;
            when dependent_objects_still_exist then
                continue when pg_relation_size(v_month.oid) = 0;
                begin
                    execute format('truncate ls.%I', v_month.relname);
                    raise warning 'ls.% was emptied and not dropped: something that is not of the ledger reads it', v_month.relname;
                exception when lock_not_available then
                    exit;
                end;
        end;
    end loop;
    return v_gone;
end
$$;
comment on function ls.prune_archive() is 'Drops months of the task archive that are older than they are to be kept.';
