-- ls.record_often(actor, action, subject, reason): one line in the audit log, of what somebody outside may do as often as
-- they like. Of one actor and action a hundred lines a day (UTC) are kept; the next says that there are more, which are
-- counted in ls.event_day. So nobody fills the log, and that it happened, by whom and how often stays.
-- Called by: offer_local_data, lose_home, redeem_join_token, recover_worker, worker_connected.
create or replace function ls.record_often(p_actor text, p_action text, p_subject text, p_reason text)
returns void
language plpgsql
as $$
declare
    v_now timestamptz := clock_timestamp();
    v_count bigint;
begin
    insert into ls.event_day as e (actor, action, day, count, first_at, last_at)
    values (coalesce(p_actor, session_user), p_action, (v_now at time zone 'UTC')::date, 1, v_now, v_now)
    on conflict (actor, action, day) do update set count = e.count + 1, last_at = excluded.last_at
    returning e.count into v_count;
    if v_count <= 100 then
        perform ls.record_audit(p_actor, p_action, p_subject, p_reason);
    elsif v_count = 101 then
        perform ls.record_audit(p_actor, p_action, 'more than 100 of this day', 'the others are counted in ls.frequent_event');
    end if;
end
$$;
comment on function ls.record_often(text, text, text, text) is
    'Writes one line of the audit log, of one actor and action at most a hundred a day; more are only counted.';
