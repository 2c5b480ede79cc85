-- ls.task_home(ranker_id, initial version, feature sets) -> the one worker that has what such a task needs, or null:
-- any worker will do. What is at home with two workers cannot meet in one task (LS001); what was at home with a
-- worker that is revoked is gone (LS021). Called by: insert_task, request_incumbent.
create or replace function ls.task_home(p_ranker_id bigint, p_initial_version_id bigint, p_feature_set_ids bigint[])
returns bigint
language plpgsql stable
as $$
declare
    v_homes bigint[];
    v_revoked text;
begin
    select array_agg(distinct h.worker_id) into v_homes from (
        select r.home_worker_id from ls.ranker r where r.ranker_id = p_ranker_id
        union all
        select r.home_worker_id from ls.ranker_version v join ls.ranker r using (ranker_id) where v.version_id = p_initial_version_id
        union all
        select f.home_worker_id from ls.feature_set f where f.feature_set_id = any (p_feature_set_ids)) h (worker_id)
    where h.worker_id is not null;
    if v_homes is null then
        return null;
    end if;
    if cardinality(v_homes) > 1 then
        perform ls.refuse('LS001', format('cannot make one task of what is at home with workers %s: one worker does the whole',
            (select string_agg('''' || w.name || '''', ' and ' order by w.name) from ls.worker w where w.worker_id = any (v_homes))),
            'name feature sets of one of them');
    end if;
    select w.name into v_revoked from ls.worker w where w.worker_id = v_homes[1] and w.revoked_at is not null;
    if v_revoked is not null then
        perform ls.refuse('LS021', format('cannot make a task of what was at home with worker ''%s'': it is revoked', v_revoked));
    end if;
    return v_homes[1];
end
$$;
comment on function ls.task_home(bigint, bigint, bigint[]) is 'The one worker that has what a task needs; null: any will do.';
