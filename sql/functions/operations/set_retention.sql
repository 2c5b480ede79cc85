-- ls.set_retention(what, keep, reason, by, byte_count_max): how long ended tasks stay at hand ('done', 'cancelled', 'dead': at most a
-- year), and months stay in the archive ('archive'; null: for ever). A result that is handed in a second time is
-- recognised while its task is at hand, so `done` is kept an hour at least (LS001). Decisions ('decision') are kept at most a year, and
-- in so many bytes (null: as before); no time at all: none are kept. Certificates and join tokens that have ended are kept eight days
-- at least ('certificate'), lines of the audit log 30 days at least ('audit'; null: for ever).
-- Called by: an admin.
create or replace function ls.set_retention(p_what text, p_keep interval, p_reason text, p_by text default null,
    p_byte_count_max bigint default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if p_what is null or p_what not in ('done', 'cancelled', 'dead', 'archive', 'decision', 'certificate', 'audit') then
        perform ls.refuse('LS001', format('cannot set how long ''%s'' is kept: expected done, cancelled, dead, archive, decision, certificate or audit', p_what));
    end if;
    if (p_what not in ('archive', 'audit', 'certificate') and coalesce(p_keep > interval '366 days', true)) or (p_what = 'archive' and p_keep < interval '1 day')
        or (p_what = 'audit' and p_keep < interval '30 days') or (p_what = 'certificate' and coalesce(p_keep < interval '8 days', true))
        or (p_what not in ('archive', 'decision') and p_keep < interval '1 hour') or p_keep < interval '0'
    then
        perform ls.refuse('LS001', format('cannot keep ''%s'' for %s', p_what, coalesce(p_keep::text, 'ever')),
            case p_what when 'archive' then 'expected a day at least, or null for ever' when 'audit' then 'expected 30 days at least, or null for ever'
                when 'certificate' then 'expected 8 days at least: a worker may come back for seven' else 'expected one hour to 366 days' end);
    end if;
    if p_byte_count_max < 0 or (p_byte_count_max is not null and p_what <> 'decision') then
        perform ls.refuse('LS001', format('cannot keep %s bytes of ''%s'': decisions alone are bounded in bytes', p_byte_count_max, p_what));
    end if;
    update ls.retention set keep = p_keep, byte_count_max = coalesce(p_byte_count_max, byte_count_max) where what = p_what;
    perform ls.record_audit(p_by, 'set retention', format('%s: %s', p_what, coalesce(p_keep::text, 'for ever')), p_reason);
end
$$;
comment on function ls.set_retention(text, interval, text, text, bigint) is
    'Sets how long ended tasks stay outside of the archive (done, cancelled, dead), how long months stay in the archive (archive; null for ever), how long and in how many bytes decisions are kept (decision), and how long certificates and tokens after their end (certificate) and the audit log (audit; null for ever) are kept; '
    'ls.task_retention shows it. Refuses any other word, tasks at hand for less than an hour or more than 366 days, and an '
    'archive of less than a day, an audit log of less than 30 days and certificates of less than eight (LS001).';
