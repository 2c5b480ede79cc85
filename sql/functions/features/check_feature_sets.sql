-- ls.check_feature_sets(ranker, ids): refuses sets that are unknown or dropped (LS014), named twice
-- (LS001), or of another base model than the ranker's (LS004).
-- Called by: keep_named, request_evaluation, request_sweep.
create or replace function ls.check_feature_sets(p_ranker_id bigint, p_feature_set_ids bigint[])
returns void
language plpgsql stable
as $$
declare
    v_bad record;
begin
    select i.id, f.feature_set_id, f.ready_at, f.base_model_id <> r.base_model_id as is_foreign, i.times,
        fb.name as found_name, rb.name as expected_name
    into v_bad
    from (select id, count(*) as times from unnest(p_feature_set_ids) id group by id) i
        cross join ls.ranker r
        join ls.base_model rb on rb.base_model_id = r.base_model_id
        left join ls.feature_set f on f.feature_set_id = i.id
        left join ls.base_model fb on fb.base_model_id = f.base_model_id
    where r.ranker_id = p_ranker_id
        and (f.ready_at is null or f.base_model_id <> r.base_model_id or i.times > 1)
    order by i.id limit 1;
    if not found then
        return;
    end if;
    if v_bad.feature_set_id is null or v_bad.ready_at is null then
        perform ls.refuse('LS014', format('cannot use feature set %s: %s', coalesce(v_bad.id::text, 'null'),
            case when v_bad.feature_set_id is null then 'no set has this id' else 'its bytes are not stored' end),
            'select * from ls.feature_set_status lists the sets');
    elsif v_bad.is_foreign then
        perform ls.refuse('LS004', format('cannot use feature set %s: found base model ''%s'', the ranker has ''%s''',
            v_bad.id, v_bad.found_name, v_bad.expected_name));
    else
        perform ls.refuse('LS001', format('cannot use feature set %s twice in one task', v_bad.id));
    end if;
end
$$;
comment on function ls.check_feature_sets(bigint, bigint[]) is 'Refuses feature sets that a ranker cannot use.';
