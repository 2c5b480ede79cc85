-- ls.frequent_event: who did what more than a hundred times on one day; the audit log holds the first hundred.
create or replace view ls.frequent_event as
select day, actor, action, count, first_at, last_at from ls.event_day where count > 100 order by day desc, count desc;
comment on view ls.frequent_event is 'Events that an actor caused so often in a day that the audit log has only their count.';
