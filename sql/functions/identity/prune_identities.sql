-- ls.prune_identities(limit): deletes what nobody can use any more, at most `limit` of each: certificates and join tokens that
-- ended longer ago than ls.retention says ('certificate'; of each worker the newest certificate stays, whatever its age:
-- it says since when the worker is away), and lines of the audit log and counts of days of longer ago ('audit'; null: none).
-- Counts of days that the audit log has each line of go two days later.
-- Called by: housekeep.
create or replace function ls.prune_identities(p_limit integer)
returns void
language plpgsql
as $$
declare
    v_keep interval := (select keep from ls.retention where what = 'certificate');
    v_keep_audit interval := (select keep from ls.retention where what = 'audit');
    v_was text;
begin
    delete from ls.certificate where serial in (
        select c.serial from ls.certificate c
        where c.not_after < clock_timestamp() - v_keep and exists (
            select from ls.certificate n where n.worker_id = c.worker_id and (n.not_after, n.serial) > (c.not_after, c.serial))
        limit p_limit);
    delete from ls.join_token where join_token_id in (
        select t.join_token_id from ls.join_token t where t.expires_at < clock_timestamp() - v_keep limit p_limit);
    delete from ls.event_day where count <= 100 and day < (clock_timestamp() at time zone 'UTC')::date - 2;
    if v_keep_audit is not null then
        delete from ls.event_day where day < ((clock_timestamp() - v_keep_audit) at time zone 'UTC')::date;
        v_was := current_setting('ls.forgetting', true);
        perform set_config('ls.forgetting', 'on', true);  -- ls.guard_immutable lets us
        delete from ls.audit_log where audit_log_id in (
            select a.audit_log_id from ls.audit_log a where a.at < clock_timestamp() - v_keep_audit order by a.at limit p_limit);
        perform set_config('ls.forgetting', coalesce(v_was, ''), true);
    end if;
end
$$;
comment on function ls.prune_identities(integer) is
    'Deletes certificates, join tokens and lines of the audit log that are older than they are to be kept.';
