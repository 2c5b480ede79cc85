-- ls.audit_entry: the audit log, newest first.
create or replace view ls.audit_entry as
select at, actor, action, subject, reason from ls.audit_log order by audit_log_id desc;
comment on view ls.audit_entry is 'The audit log, newest first.';
