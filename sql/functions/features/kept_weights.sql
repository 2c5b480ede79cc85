-- ls.kept_weights(digests) -> those of them whose bytes are still here. A coordinator that hears that a user was forgotten, or may
-- have missed it, asks about what it has in memory and drops the rest. Called by: LedgerStore.keptWeights.
create or replace function ls.kept_weights(p_digests bytea[])
returns setof bytea
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select w.digest from ls.ranker_weights w where w.digest = any (p_digests) and w.bytes is not null;
$$;
comment on function ls.kept_weights(bytea[]) is 'The weights among these that the database still has or knows.';
