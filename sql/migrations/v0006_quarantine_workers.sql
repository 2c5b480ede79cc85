-- A worker whose results are refused again and again is shut out until an admin lets it back.
alter table ls.worker
    add column refusal_count integer not null default 0,
    add column quarantined_at timestamptz,
    add column quarantined_because text,
    add constraint worker_quarantine_says_why check ((quarantined_at is null) = (quarantined_because is null));
