-- An audit line said who acted as the caller put it (p_by). Beside it stands, from now on, the role the session logged in
-- as, which no argument changes. Lines written before have none.
alter table ls.audit_log add column role text;
