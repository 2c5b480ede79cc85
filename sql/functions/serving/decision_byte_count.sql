-- ls.decision_byte_count() -> what kept decisions take on disk. Called by: prune_decisions.
create or replace function ls.decision_byte_count()
returns bigint
language sql
as $$
    select coalesce(sum(pg_total_relation_size(i.inhrelid)), 0)::bigint from pg_inherits i where i.inhparent = 'ls.decision'::regclass;
$$;
comment on function ls.decision_byte_count() is 'The bytes that kept decisions take on disk.';
