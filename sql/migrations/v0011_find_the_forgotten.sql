-- What was served to a user may wait for the database while the user is forgotten: before it is kept, the audit log is asked
-- whether that happened since. It grows for ever; only its newest lines are asked for.
create index audit_log_by_time on ls.audit_log (at);
