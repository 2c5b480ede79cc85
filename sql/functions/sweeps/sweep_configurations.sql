-- ls.sweep_configurations(ranker, list, seed) -> the whole training configurations of a sweep, in order.
-- Without a list the paper's grid, which takes nothing from the ranker's own configuration.
-- Refuses (LS001) what is no list of 1 to 500 objects, and an entry that asks for the same as one
-- before it, each by its position from 1. What the keys mean is checked by lscoord and by the worker.
-- Called by: request_sweep.
create or replace function ls.sweep_configurations(p_ranker ls.ranker, p_list jsonb, p_seed bigint)
returns jsonb[]
language plpgsql immutable
as $$
declare
    v_seed jsonb := case when p_seed is null then '{}' else jsonb_build_object('seed', p_seed) end;
    v_list jsonb := coalesce(p_list, ls.paper_grid(p_ranker.kind));
    -- Recipes are compared from fresh weights: what serves was made by one of them.
    v_own jsonb := case when p_list is null then '{}' else ls.fresh_start(p_ranker.training, p_ranker.kind) end;
    v_entries jsonb[] := '{}';
    v_entry jsonb;
    v_position integer := 0;
    v_same integer;
begin
    if jsonb_typeof(v_list) <> 'array' or jsonb_array_length(v_list) not between 1 and 500 then
        perform ls.refuse('LS001', format('cannot sweep ranker ''%s'': found %s, expected a list of 1 to 500 training configurations',
            p_ranker.name, case when jsonb_typeof(v_list) = 'array' then jsonb_array_length(v_list) || ' configurations'
                else 'no JSON list' end));
    end if;
    for v_entry in select value from jsonb_array_elements(v_list) loop
        v_position := v_position + 1;
        if jsonb_typeof(v_entry) <> 'object' then
            perform ls.refuse('LS001', format('cannot sweep ranker ''%s'': entry %s is no JSON object', p_ranker.name, v_position));
        end if;
        v_entry := v_own || v_entry || v_seed;
        v_same := array_position(v_entries, v_entry);
        if v_same is not null then
            perform ls.refuse('LS001', format('cannot sweep ranker ''%s'': entry %s asks for the same as entry %s',
                p_ranker.name, v_position, v_same));
        end if;
        v_entries := v_entries || v_entry;
    end loop;
    return v_entries;
end
$$;
comment on function ls.sweep_configurations(ls.ranker, jsonb, bigint) is 'The training configurations of a sweep, checked.';
