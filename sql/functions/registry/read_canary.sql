-- ls.read_canary(base_model, known) -> the base model's canary and its SHA-256; no row when it has none.
-- The bytes are null when the caller knows them already: known is their SHA-256.
-- Called by: LedgerStore.canary.
create or replace function ls.read_canary(p_base_model text, p_known_digest bytea default null)
returns table (digest bytea, bytes bytea)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select c.digest, case when c.digest is distinct from p_known_digest then c.bytes end
    from ls.canary c where c.base_model_id = ls.base_model_id(p_base_model);
$$;
comment on function ls.read_canary(text, bytea) is
    'The canary of a base model with its SHA-256, without the bytes when they are known already; no row when there is none. Refuses an unknown base model (LS010).';
