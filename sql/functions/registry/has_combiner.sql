-- ls.has_combiner(weights, report) -> whether a version serves its score combined with signals: the header of its weights says so, or,
-- where they stay at home, the report of the worker that made them. Bytes that are no safetensors have none; a header that
-- cannot be read here may have one. Called by: insert_version.
create or replace function ls.has_combiner(p_weights bytea, p_report jsonb)
returns boolean
language plpgsql immutable
as $$
declare
    v_length bigint;
begin
    if p_weights is null then
        return coalesce(jsonb_typeof(p_report -> 'combiner') = 'object', false);
    end if;
    if octet_length(p_weights) < 8 then
        return false;
    end if;
    v_length := ls.little_endian(p_weights, 0, 8);
    if v_length not between 2 and octet_length(p_weights) - 8 then
        return false;
    end if;
    return (convert_from(substring(p_weights from 9 for v_length::integer), 'UTF8')::json -> '__metadata__' -> 'combiner') is not null;
exception when others then
    return true;
end
$$;
comment on function ls.has_combiner(bytea, jsonb) is
    'Whether weights have a combiner for their score and signals; of weights that stay at home their training''s report says it.';
