-- ls.is_connected(disconnected_at, seen_at, now) -> whether a worker is connected, by what
-- ls.worker_presence says of it: it has not gone, and was heard of within the last minute. Inlined
-- wherever it is used, so indexes serve it.
-- Called by: lease_tasks, leaves_to_another, is_kept_from, consider_pause, worker_connected,
-- status_summary, worker_status.
create or replace function ls.is_connected(p_disconnected_at timestamptz, p_seen_at timestamptz,
    p_now timestamptz)
returns boolean
language sql stable
as $$ select p_disconnected_at is null and p_seen_at > p_now - interval '1 minute' $$;
comment on function ls.is_connected(timestamptz, timestamptz, timestamptz) is
    'Whether a worker is connected: it has not disconnected, and was seen within the last minute.';
