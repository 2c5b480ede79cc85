-- ls.audit_entry: the audit log, newest first. The actor is what the caller said, the role is what the database knows.
create or replace view ls.audit_entry as
select at, actor, action, subject, reason, role from ls.audit_log order by audit_log_id desc;
comment on view ls.audit_entry is 'The audit log, newest first: the actor is what the caller said, the role is the one that logged in.';
