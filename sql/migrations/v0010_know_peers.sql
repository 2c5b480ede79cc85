-- A ranker that is placed on a worker is scored there whichever coordinator a request reaches: so coordinators know of each
-- other, and under which address each takes reranks for the workers that are connected to it.
create table ls.coordinator (
    name text primary key,
    address text not null,
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    constraint coordinator_name_fits_a_certificate check (name ~ '^[a-z0-9][a-z0-9._-]{0,62}$'),
    constraint coordinator_address_is_host_and_port check (address ~ '^[^[:space:]]{1,255}:[0-9]{1,5}$')
);

comment on table ls.coordinator is 'The lscoord that run, where others reach them, and when they were last seen.';
