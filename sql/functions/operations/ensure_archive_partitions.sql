-- ls.ensure_archive_partitions(from, to): a partition of the archive for every month of that time (UTC).
-- A new one is made apart and then attached, which takes no lock that a reader or writer waits for.
-- Called by: archive_tasks.
create or replace function ls.ensure_archive_partitions(p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
as $$
declare
    v_month timestamp;
    v_name text;
begin
    for v_month in
        select generate_series(date_trunc('month', p_from at time zone 'UTC'), p_to at time zone 'UTC', interval '1 month')
    loop
        v_name := 'task_archive_' || to_char(v_month, 'YYYY_MM');
        continue when to_regclass('ls.' || v_name) is not null;
        execute format('create table ls.%I (like ls.task_archive including defaults including constraints)', v_name);
        -- Its rows have no key: who publishes them (logical replication) knows each by all of it.
        execute format('alter table ls.%I replica identity full', v_name);
        execute format('comment on table ls.%I is %L', v_name, 'Tasks that ended in ' || to_char(v_month, 'FMMonth YYYY') || '.');
        execute format('alter table ls.task_archive attach partition ls.%I for values from (%L) to (%L)',
            v_name, v_month at time zone 'UTC', (v_month + interval '1 month') at time zone 'UTC');
    end loop;
end
$$;
comment on function ls.ensure_archive_partitions(timestamptz, timestamptz) is 'Makes the months of the task archive that are missing.';
