-- ls.coordinator_status: one row for each lscoord: where others reach it, whether it runs, and the workers connected to it.
create or replace view ls.coordinator_status as
select c.name, c.address,
    case when c.seen_at > clock_timestamp() - interval '10 seconds' then 'running' else 'gone' end as state,
    c.started_at, c.seen_at,
    (select count(*) from ls.worker_presence p where p.coordinator = c.name and p.disconnected_at is null) as workers
from ls.coordinator c
order by c.name;
comment on view ls.coordinator_status is 'The running coordinators, their addresses and workers; one that was killed is listed as gone for an hour.';
