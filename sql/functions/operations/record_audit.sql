-- ls.record_audit(actor, action, subject, reason): one line in the audit log.
-- The actor is whom the caller names (p_by of the functions), or else the role. Beside it stands, always, the role
-- that the session logged in as: neither an argument nor set role changes it, so an actor that was made up shows.
-- Called by: every function that moves an alias, issues or revokes, cancels or redrives.
create or replace function ls.record_audit(p_actor text, p_action text, p_subject text, p_reason text)
returns void
language sql
as $$
    insert into ls.audit_log (actor, role, action, subject, reason)
    values (coalesce(p_actor, session_user), session_user, p_action, p_subject, coalesce(p_reason, ''));
$$;
comment on function ls.record_audit(text, text, text, text) is
    'Writes one line of the audit log: the actor as the caller says, and the role the session logged in as.';
