-- ls.task_retention: how long ended tasks stay at hand, months in the archive, certificates and tokens that are over, and the audit log (null: for ever).
create or replace view ls.task_retention as
select what, keep, byte_count_max from ls.retention order by what;
comment on view ls.task_retention is 'How long ended tasks stay outside of the archive, and how long months of the archive, expired certificates, the audit log and decisions are kept; for decisions also in how many bytes.';
