-- ls.register_base_model(name, hidden_size, contract…) -> base model id.
-- Again with the same contract: the same id. A field not known (null) fits any value and is filled
-- in when it becomes known; a different value is refused (LS004), because features of two
-- contracts must never meet in one ranker.
-- Called by: LedgerStore.registerBaseModel, an admin.
create or replace function ls.register_base_model(
    p_name text, p_hidden_size integer, p_revision text default null, p_layer integer default null,
    p_layer_fraction double precision default null, p_norm text default null,
    p_pooling text default null, p_dtype text default null, p_template_digest text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_old ls.base_model;
    v_field record;
begin
    if p_name is null or p_name !~ '^[^[:cntrl:]]{1,200}$' then
        perform ls.refuse('LS001', 'cannot register a base model: its name must be 1 to 200 characters');
    end if;
    if p_name ~ '[:@]' then
        perform ls.refuse('LS001', format('cannot register base model ''%s'': '':'' and ''@'' in a request mean a ranker''s alias or version', p_name),
            'write llama-3:8b as llama-3-8b');
    end if;
    if p_hidden_size is null or p_hidden_size not between 1 and 65536 then
        perform ls.refuse('LS001', format('cannot register base model ''%s'': found hidden size %s, expected 1 to 65536',
            p_name, coalesce(p_hidden_size::text, 'null')));
    end if;
    if p_layer_fraction not between 0 and 1 then
        perform ls.refuse('LS001', format('cannot register base model ''%s'': found layer fraction %s, expected 0 to 1',
            p_name, p_layer_fraction));
    end if;
    insert into ls.base_model as b (name, hidden_size, revision, layer, layer_fraction, norm, pooling, dtype, template_digest)
    values (p_name, p_hidden_size, p_revision, p_layer, p_layer_fraction, p_norm, p_pooling, p_dtype, p_template_digest)
    on conflict on constraint base_model_name_is_unique do nothing;

    select * into strict v_old from ls.base_model where name = p_name for update;
    for v_field in
        select * from (values
            ('hidden size', v_old.hidden_size::text, p_hidden_size::text),
            ('revision', v_old.revision, p_revision),
            ('layer', v_old.layer::text, p_layer::text),
            ('layer fraction', v_old.layer_fraction::text, p_layer_fraction::text),
            ('norm', v_old.norm, p_norm),
            ('pooling', v_old.pooling, p_pooling),
            ('dtype', v_old.dtype, p_dtype),
            ('template digest', v_old.template_digest, p_template_digest)) f (field, stored, given)
        where stored <> given
    loop
        perform ls.refuse('LS004', format('cannot register base model ''%s'': found %s %s, but it is registered with %s',
            p_name, v_field.field, v_field.given, v_field.stored), 'features of another contract need another name');
    end loop;
    update ls.base_model b set
        revision = coalesce(b.revision, p_revision), layer = coalesce(b.layer, p_layer),
        layer_fraction = coalesce(b.layer_fraction, p_layer_fraction), norm = coalesce(b.norm, p_norm),
        pooling = coalesce(b.pooling, p_pooling), dtype = coalesce(b.dtype, p_dtype),
        template_digest = coalesce(b.template_digest, p_template_digest)
    where b.base_model_id = v_old.base_model_id
        and (b.revision, b.layer, b.layer_fraction, b.norm, b.pooling, b.dtype, b.template_digest)
            is distinct from (
                coalesce(b.revision, p_revision), coalesce(b.layer, p_layer),
                coalesce(b.layer_fraction, p_layer_fraction), coalesce(b.norm, p_norm),
                coalesce(b.pooling, p_pooling), coalesce(b.dtype, p_dtype),
                coalesce(b.template_digest, p_template_digest));
    return v_old.base_model_id;
end
$$;
comment on function ls.register_base_model(text, integer, text, integer, double precision, text, text, text, text) is
    'Registers a base model and its feature contract, and returns its id; again with the same contract the same id. Fields '
    'not known may be null and are filled in later. Refuses another contract under the same name (LS004), and a name, '
    'hidden size or layer fraction out of bounds (LS001).';
