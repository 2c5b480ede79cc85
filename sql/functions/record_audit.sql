-- ls.record_audit(actor, action, subject, reason): one line in the audit log.
-- An action without a named actor is recorded under the database user who ran it.
-- Called by: every function that moves an alias, issues or revokes, cancels or redrives.
create or replace function ls.record_audit(p_actor text, p_action text, p_subject text, p_reason text)
returns void
language sql
as $$
    insert into ls.audit_log (actor, action, subject, reason)
    values (coalesce(p_actor, session_user), p_action, p_subject, coalesce(p_reason, ''));
$$;
comment on function ls.record_audit(text, text, text, text) is 'Writes one line of the audit log.';
