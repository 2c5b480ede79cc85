-- ls.set_canary(base_model, file, by) -> SHA-256 of the file, which is the base model's canary from now on.
-- The file is a safetensors file of at most 16 MiB whose metadata says format canary/1 and hidden_size, and layer where it is
-- known: they are those of the base model. What else is in it is the node's affair, and is not looked at. Again: nothing happens.
-- Called by: LedgerStore.setCanary, an admin.
create or replace function ls.set_canary(p_base_model text, p_file bytea, p_by text default null)
returns bytea
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    c_byte_count_max constant integer := 16777216;
    v_base ls.base_model;
    v_header jsonb;
    v_words jsonb;
    v_digest bytea;
begin
    select * into strict v_base from ls.base_model where base_model_id = ls.base_model_id(p_base_model);
    if p_file is null then
        perform ls.refuse('LS001', format('cannot set the canary of ''%s'': found null, expected the bytes of a file', p_base_model));
    end if;
    if octet_length(p_file) > c_byte_count_max then
        perform ls.refuse('LS040', format('cannot set the canary of ''%s'': found %s bytes, expected at most %s',
            p_base_model, octet_length(p_file), c_byte_count_max));
    end if;
    begin
        v_header := ls.safetensors_header(p_file);
    exception when sqlstate 'LS002' then
        perform ls.refuse('LS002', replace(sqlerrm, 'cannot read the feature file', format('cannot set the canary of ''%s''', p_base_model)));
    end;
    v_words := v_header -> 'metadata';
    if v_words ->> 'format' is distinct from 'canary/1' then
        perform ls.refuse('LS002', format('cannot set the canary of ''%s'': found format ''%s'', expected ''canary/1''',
            p_base_model, coalesce(left(v_words ->> 'format', 80), 'null')), 'lsnode canary record makes one');
    end if;
    if v_header -> 'tensors' = '{}' then
        perform ls.refuse('LS002', format('cannot set the canary of ''%s'': found no tensor', p_base_model));
    end if;
    if v_words ->> 'hidden_size' is distinct from v_base.hidden_size::text then
        perform ls.refuse('LS004', format('cannot set the canary of ''%s'': found hidden size %s, expected %s',
            p_base_model, coalesce(left(v_words ->> 'hidden_size', 80), 'null'), v_base.hidden_size));
    end if;
    if v_words ->> 'layer' <> v_base.layer::text then
        perform ls.refuse('LS004', format('cannot set the canary of ''%s'': found layer %s, expected %s',
            p_base_model, left(v_words ->> 'layer', 80), v_base.layer));
    end if;
    v_digest := sha256(p_file);
    insert into ls.canary as c (base_model_id, digest, bytes, set_by)
    values (v_base.base_model_id, v_digest, p_file, coalesce(p_by, session_user))
    on conflict (base_model_id) do update
        set digest = excluded.digest, bytes = excluded.bytes, set_by = excluded.set_by, set_at = excluded.set_at
        where c.digest <> excluded.digest;
    if found then
        perform ls.record_audit(p_by, 'set canary', p_base_model, format('SHA-256 %s…', ls.short_digest(v_digest)));
    end if;
    return v_digest;
end
$$;
comment on function ls.set_canary(text, bytea, text) is
    'Sets the canary of a base model, a safetensors file of format canary/1, in place of the one of before, and returns its SHA-256; the same bytes again change nothing. Refuses an unknown base model (LS010), null (LS001), a file that is no canary (LS002), is of another hidden size or layer (LS004) or has more than 16 MiB (LS040).';
