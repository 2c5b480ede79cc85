-- ls.ensure_decision_partition(at): the partition of that hour (UTC). A new one is made apart and then attached, which takes
-- no lock that a reader or writer waits for. Called by: record_decisions.
create or replace function ls.ensure_decision_partition(p_at timestamptz)
returns void
language plpgsql
as $$
declare
    v_hour timestamp := date_trunc('hour', p_at at time zone 'UTC');
    v_name text := 'decision_' || to_char(v_hour, 'YYYY_MM_DD_HH24');
begin
    if to_regclass('ls.' || v_name) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(7814432246803196017);  -- two coordinators need the same hour
    if to_regclass('ls.' || v_name) is not null then
        return;
    end if;
    execute format('create table ls.%I (like ls.decision including defaults including constraints including storage)', v_name);
    -- Its rows have no key: who publishes them (logical replication) knows each by all of it.
    execute format('alter table ls.%I replica identity full', v_name);
    execute format('comment on table ls.%I is %L', v_name, 'Decisions of ' || to_char(v_hour, 'YYYY-MM-DD HH24') || ':00 UTC.');
    execute format('alter table ls.decision attach partition ls.%I for values from (%L) to (%L)',
        v_name, v_hour at time zone 'UTC', (v_hour + interval '1 hour') at time zone 'UTC');
end
$$;
comment on function ls.ensure_decision_partition(timestamptz) is 'Makes the hour of the decisions that is missing.';
