-- ls.unregistered(base models, domains) -> one row for each of them that is not registered: what it
-- is, and its name. Asked before an import, so that all that is missing is said at once.
-- Called by: LedgerStore.unregistered.
create or replace function ls.unregistered(p_base_models text[], p_domains text[])
returns table (kind text, name text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select 'base model', b.name from unnest(p_base_models) b (name)
    where not exists (select from ls.base_model m where m.name = b.name)
    union
    select 'domain', d.name from unnest(p_domains) d (name)
    where not exists (select from ls.domain k where k.name = d.name)
    order by 1, 2;
$$;
comment on function ls.unregistered(text[], text[]) is
    'The base models and domains among these that are not registered.';
