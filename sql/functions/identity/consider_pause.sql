-- ls.consider_pause(worker, reason): a worker that failed one task after the other is leased nothing for a while. That is
-- five different tasks that others did meanwhile, or twenty that nobody settled and of which the worker said that it failed, or
-- twenty that it lost (or twice what it does at once, 128 at most: one that leaves with its hands full is none; what it came back
-- without is only lost, for a machine may be restarted now and then), with no success between them, in ten minutes. A task that failed there
-- before is not counted again, and one that two workers called hopeless not at all: a sweep whose trainings diverge must
-- not take its workers along. The first pause lasts a minute, each that follows without a success twice as long, at
-- most an hour; 30 seconds to two minutes while nobody else is connected, for then nobody gains by a longer one. It ends
-- by itself or with ls.release_worker(). A paused worker stays connected and keeps its leases. In the audit log, and in
-- ls.worker_status.
-- The caller holds the worker's lock. Called by: fail_attempt, refuse_result, expire_leases, release_leases.
create or replace function ls.consider_pause(p_worker_id bigint, p_reason text)
returns void
language plpgsql
as $$
declare
    v_worker ls.worker;
    v_now timestamptz := clock_timestamp();
    v_success timestamptz;
    v_failed integer;
    v_done_by_others integer;
    v_said integer;
    v_lasts interval;
    v_because text;
begin
    select * into strict v_worker from ls.worker where worker_id = p_worker_id;
    if v_worker.paused_until > v_now then
        return;
    end if;
    if (select count(*) < 5 from ls.task_trial
        where worker_id = p_worker_id and first_failed_at > greatest(v_now - interval '10 minutes', v_worker.failures_since))
    then
        return;
    end if;
    select max(ended_at) into v_success from ls.attempt where worker_id = p_worker_id and state = 'succeeded';
    select count(*), count(*) filter (where exists (select from ls.attempt a where a.task_id = t.task_id and a.state = 'succeeded')
            and exists (select from ls.attempt a
                where a.task_id = t.task_id and a.worker_id = p_worker_id and a.state in ('failed', 'expired'))),
        count(*) filter (where exists (select from ls.attempt a
            where a.task_id = t.task_id and a.worker_id = p_worker_id and a.state = 'failed'))
    into v_failed, v_done_by_others, v_said
    from ls.task_trial t
    where t.worker_id = p_worker_id and t.first_failed_at > greatest(v_now - interval '10 minutes', v_worker.failures_since, v_success);
    if v_done_by_others < 5 and v_said < 20
        and v_failed < greatest(20, 2 * (select least(capacity, 64) from ls.worker_presence where worker_id = p_worker_id))
    then
        return;
    end if;
    -- A success since the last one, or an hour without failures, and it begins anew.
    if v_success > v_worker.failures_since or v_worker.paused_until < v_now - interval '1 hour' then
        v_worker.pause_count := 0;
    end if;
    if exists (select from ls.worker_presence p join ls.worker w using (worker_id)
        where p.worker_id <> p_worker_id and ls.is_connected(p.disconnected_at, p.seen_at, v_now)
            and w.revoked_at is null and w.quarantined_at is null)
    then
        v_lasts := least(interval '1 hour', interval '1 minute' * 2 ^ least(v_worker.pause_count, 10));
    else
        v_lasts := least(interval '2 minutes', interval '30 seconds' * 2 ^ least(v_worker.pause_count, 10));
    end if;
    v_because := format('%s tasks failed one after the other, of which others did %s, the last because: %s', v_failed, v_done_by_others, p_reason);
    update ls.worker set paused_until = v_now + v_lasts, paused_because = v_because, pause_count = v_worker.pause_count + 1,
        failures_since = v_now
    where worker_id = p_worker_id;
    perform ls.record_audit('lscoord', 'pause worker', v_worker.name, format('for %s: %s', v_lasts, v_because));
end
$$;
comment on function ls.consider_pause(bigint, text) is 'Pauses a worker that failed several tasks one after the other.';
