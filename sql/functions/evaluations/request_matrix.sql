-- ls.request_matrix(base_model, pattern, after, kind, configuration, …) -> task id of the matrix.
-- Asks for a transfer matrix once trainings are done: the task is blocked until the tasks it is to come
-- after (null: every open training of a domain ranker that the pattern names, or, without one, of any; '{}': none) are done with
-- their evaluations, then asks for what is missing (request_transfer_matrix) and is done when all figures
-- are there. Asked twice while open: the same task. A needed task that is cancelled cancels it; one that is
-- dead keeps it blocked until it is redriven. It is dead itself when the matrix cannot be asked for then.
-- Called by: LedgerStore.requestMatrix, an operator.
create or replace function ls.request_matrix(p_base_model text, p_pattern text default null, p_after bigint[] default null,
    p_kind text default null, p_configuration jsonb default null, p_priority smallint default 0, p_by text default null)
returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
    v_request jsonb := jsonb_build_object('base_model', p_base_model, 'pattern', coalesce(p_pattern, '*'), 'kind', p_kind,
        'evaluation', coalesce(p_configuration, ls.default_evaluation_configuration()));
    v_key text := encode(sha256(convert_to('matrix|' || v_request::text, 'UTF8')), 'hex');
    v_after bigint[] := p_after;
    v_id bigint;
begin
    if p_kind is not null and p_kind not in ('listwise', 'pointwise') then
        perform ls.refuse('LS001', format('cannot ask for a transfer matrix: found kind ''%s'', expected listwise or pointwise', p_kind));
    end if;
    if not exists (select from ls.domain d where ls.domain_matches_any(d.name, p_pattern)) then
        perform ls.refuse('LS011', format('cannot ask for a transfer matrix: no domain matches ''%s''', coalesce(p_pattern, '*')),
            'a pattern is a domain, or a domain and /* for everything beneath it');
    end if;
    if v_after is null then
        select coalesce(array_agg(t.task_id), '{}') into v_after
        from ls.domain d join ls.ranker r using (domain_id) join ls.task t using (ranker_id)
        where r.base_model_id = v_base_model_id and r.user_name is null and (p_kind is null or r.kind = p_kind)
            and (ls.domain_matches_any(d.name, p_pattern) or d.name || '/*' = any (string_to_array(p_pattern, ',')))
            and t.state in ('blocked', 'waiting', 'leased')
            and (t.kind = 'train' or t.configuration = ls.default_evaluation_configuration());
    end if;
    loop
        insert into ls.task as t (kind, state, configuration, priority, attempt_count_max, owner, request_key, requested_by)
        values ('matrix', 'blocked', v_request, coalesce(p_priority, 0), 1, coalesce(p_by, session_user), v_key, coalesce(p_by, session_user))
        on conflict (request_key) where state in ('blocked', 'waiting', 'leased') do nothing
        returning t.task_id into v_id;
        exit when v_id is not null;
        select task_id into v_id from ls.task where request_key = v_key and state = 'blocked';
        if v_id is not null then
            return v_id;
        end if;
    end loop;
    if not ls.add_dependencies(v_id, v_after) then
        perform ls.advance_matrix(v_id);
    end if;
    return v_id;
end
$$;
comment on function ls.request_matrix(text, text, bigint[], text, jsonb, smallint, text) is
    'Requests a transfer matrix (of a pattern; several with commas; null for every domain) that is measured once the tasks in p_after are done (by default all open trainings of its rankers), and returns its task, which is blocked until then. A second request while it is open returns the same task. Refuses an unknown base model, domain or task '
    '(LS010, LS011, LS015), an unknown kind of ranker (LS001), and a task that is dead or cancelled (LS021).';
