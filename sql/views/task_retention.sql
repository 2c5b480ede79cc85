-- ls.task_retention: how long ended tasks stay at hand, months in the archive, certificates and tokens that are over, and the audit log (null: for ever).
create or replace view ls.task_retention as
select what, keep, byte_count_max from ls.retention order by what;
comment on view ls.task_retention is 'How long ended tasks stay at hand, months in the archive, certificates that are over, the audit log, and decisions; of these also in bytes.';
