-- ls.request_incumbent(incumbent, feature sets, configuration, by) -> whether it is measured on them; false: nobody can, because what that takes
-- is at home with two workers, or with one that is revoked. It is often another ranker's version, and that ranker comes late in
-- the order of locks: while somebody else is at it, nothing is asked for, and ls.housekeep has it asked for later.
-- Called by: evaluate_new_version, ask_for_evidence.
create or replace function ls.request_incumbent(p_incumbent_version_id bigint, p_feature_set_ids bigint[], p_configuration jsonb, p_by text)
returns boolean
language plpgsql
as $$
declare
    v_ranker_id bigint := ls.version_ranker(p_incumbent_version_id);
begin
    begin
        perform ls.task_home(v_ranker_id, null, p_feature_set_ids);
    exception when sqlstate 'LS001' or sqlstate 'LS021' then
        return false;
    end;
    perform from ls.ranker where ranker_id = v_ranker_id for no key update skip locked;
    if found then
        perform ls.request_evaluation(p_incumbent_version_id, p_feature_set_ids, p_configuration, p_by => p_by);
    end if;
    return true;
end
$$;
comment on function ls.request_incumbent(bigint, bigint[], jsonb, text) is 'Has an incumbent measured for the promotion gate; false when nobody can.';
