-- ls.default_ranker_configuration(base_model, kind) -> RankerConfiguration as JSON: the paper's ranker, at
-- the base model's width: projection to 64, one block of four heads. The same as
-- RankerConfiguration.preset(kind:hiddenSize:) in Swift; a test compares the two.
-- Called by: register_ranker, an admin: ls.default_ranker_configuration('m', 'listwise') || '{"blocks": 2}'.
create or replace function ls.default_ranker_configuration(p_base_model text, p_kind text)
returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if p_kind is null or p_kind not in ('listwise', 'pointwise') then
        perform ls.refuse('LS001', format('cannot configure a ranker: found kind ''%s'', expected listwise or pointwise', left(p_kind, 80)));
    end if;
    return jsonb_build_object('kind', p_kind,
        'hidden_size', (select hidden_size from ls.base_model where base_model_id = ls.base_model_id(p_base_model)),
        'projection', true, 'projection_dim', 64, 'instruction', 'feature', 'blocks', 1, 'heads', 4, 'mlp_multiple', 4,
        'activation', 'gelu', 'residual', false, 'similarity', 'cosine');
end
$$;
comment on function ls.default_ranker_configuration(text, text) is
    'The ranker configuration that a ranker of a base model and kind gets when none is given; add keys with ||. Refuses an '
    'unknown base model (LS010) and kind (LS001).';
