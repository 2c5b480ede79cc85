-- call ls.wait_for_tasks(within, task ids): returns when none of the tasks is open any more; without ids, when
-- no task is. What became dead meanwhile is a warning. Still open after the time given: LS051, and the
-- tasks go on. Looks five times a second, and commits after each look: it holds no lock and no
-- snapshot while it waits. So it needs a session of its own, not a transaction block, and it runs
-- with its caller's rights. Called by: a person or a script in psql.
create or replace procedure ls.wait_for_tasks(p_within interval default '10 minutes', p_task_ids bigint[] default null)
language plpgsql
as $$
declare
    v_until timestamptz := clock_timestamp() + p_within;
    v_watched bigint[] := coalesce(p_task_ids, '{}');
    v_open bigint[];
    v_dead record;
begin
    if p_within is null then
        raise exception using errcode = 'LS001', message = 'cannot wait for tasks: found no time limit',
            hint = 'call ls.wait_for_tasks(''10 minutes'')';
    end if;
    loop
        select coalesce(array_agg(p.task_id order by p.task_id) filter (where p.ended_at is null), '{}') into v_open
        from ls.task_progress(p_task_ids) p;
        v_watched := array(select distinct w from unnest(v_watched || v_open) w order by w);
        exit when cardinality(v_open) = 0;
        if clock_timestamp() >= v_until then
            raise exception using errcode = 'LS051',
                message = format('cannot wait any longer: after %s %s %s still open (%s%s)', p_within,
                    cardinality(v_open), case when cardinality(v_open) = 1 then 'task is' else 'tasks are' end,
                    array_to_string(v_open[1:5], ', '), case when cardinality(v_open) > 5 then ', …' else '' end),
                hint = 'select * from ls.task_queue shows who works on them; call ls.wait_for_tasks again to go on waiting';
        end if;
        commit;
        perform pg_sleep(least(0.2, greatest(0.001, extract(epoch from v_until - clock_timestamp()))));
        commit;
    end loop;
    for v_dead in select p.task_id, p.error from ls.task_progress(v_watched) p where p.state = 'dead' loop
        raise warning 'task % is dead: %', v_dead.task_id, v_dead.error;
    end loop;
end
$$;
comment on procedure ls.wait_for_tasks(interval, bigint[]) is
    'Returns when none of the tasks is open any more; without ids, when no task is open. Warns of dead tasks; tasks that are still open after the given time are LS051. Call it outside a transaction block.';
