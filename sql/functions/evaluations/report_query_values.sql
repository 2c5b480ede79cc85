-- ls.report_query_values(report, method, label kind) -> what a method picked in each query, or null where the report does not say:
-- query_values of the ranker (method 'accuracy'), the others within method_query_values. As many as the report has queries, each a
-- number that labels can have, their mean the figure of the same name; anything else is refused (LS001).
-- Called by: check_report, insert_evaluation, keep_baseline.
create or replace function ls.report_query_values(p_report jsonb, p_method text, p_label_kind text)
returns real[]
language plpgsql immutable
as $$
declare
    v_path text := case when p_method = 'accuracy' then 'query_values' else 'method_query_values.' || p_method end;
    v_json jsonb := p_report #> string_to_array(v_path, '.');
    v_values double precision[];
begin
    if coalesce(jsonb_typeof(v_json), 'null') = 'null' then
        return null;  -- workers of before do not say
    end if;
    if jsonb_typeof(v_json) <> 'array'
        or jsonb_array_length(v_json) <> (p_report ->> 'query_count')::bigint
        or exists (select from jsonb_array_elements(v_json) v where case
            when jsonb_typeof(v) <> 'number' then true
            when v::numeric <> 0 and abs(v::numeric) < 1e-45 then true  -- the least that a float32 tells from 0
            when p_label_kind = 'binary' then v::numeric not between 0 and 1
            else abs(v::numeric) > ls.magnitude_max() end)
    then
        perform ls.refuse('LS001', format('cannot take an evaluation: expected %s to be %s numbers that labels can have',
            v_path, p_report ->> 'query_count'));
    end if;
    select array_agg(v::double precision order by ordinal) into v_values from jsonb_array_elements_text(v_json) with ordinality e (v, ordinal);
    -- They are float32, the figure is not.
    if jsonb_typeof(p_report -> p_method) is distinct from 'number'
        or abs((select avg(v) from unnest(v_values) v) - (p_report ->> p_method)::double precision)
            > 1e-5 * greatest(1, (select max(abs(v)) from unnest(v_values) v))
    then
        perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, the mean of its %s is %s', p_method,
            coalesce(left(p_report ->> p_method, 40), 'missing'), v_path, (select avg(v) from unnest(v_values) v)));
    end if;
    return v_values::real[];
end
$$;
comment on function ls.report_query_values(jsonb, text, text) is
    'What a method picked in each query, as a report says, checked; null where it does not say.';
