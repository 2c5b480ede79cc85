-- ls.base_model_contract(base_model) -> the width of its features and what is known of how they are taken.
-- Called by: LedgerStore.servingContract, before the first request of a base model is served; a reader.
create or replace function ls.base_model_contract(p_base_model text)
returns table (hidden_size integer, revision text, layer integer, layer_fraction double precision, norm text, pooling text, dtype text, template_digest text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select b.hidden_size, b.revision, b.layer, b.layer_fraction, b.norm, b.pooling, b.dtype, b.template_digest
    from ls.base_model b where b.base_model_id = ls.base_model_id(p_base_model);
$$;
comment on function ls.base_model_contract(text) is
    'The width of a base model''s features, and its feature contract as far as it is known. Refuses an unknown base model (LS010).';
