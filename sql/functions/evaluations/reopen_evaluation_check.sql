-- ls.reopen_evaluation_check(check, reason, by): a coordinator tries again to measure what could not be measured. Called by: an operator.
create or replace function ls.reopen_evaluation_check(p_check_id bigint, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_verdict text;
begin
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot reopen check %s: a reason is needed', coalesce(p_check_id::text, 'null')));
    end if;
    select verdict into v_verdict from ls.evaluation_check
    where evaluation_check_id = p_check_id and evaluation_id is not null for no key update;
    if v_verdict is distinct from 'failed' then
        perform ls.refuse('LS001', format('cannot reopen check %s: found %s, expected one that has failed',
                coalesce(p_check_id::text, 'null'), coalesce(v_verdict, 'none that is decided')),
            'select * from ls.evaluation_check_status where verdict = ''failed'' lists them');
    end if;
    update ls.evaluation_check set decided_at = null, verdict = null, because = null, found = null, claim_count = 0, claimed_until = null
    where evaluation_check_id = p_check_id;
    perform ls.record_audit(p_by, 'reopen evaluation check', p_check_id::text, p_reason);
end
$$;
comment on function ls.reopen_evaluation_check(bigint, text, text) is
    'Lets a coordinator try again to measure an evaluation that could not be measured. Refuses a check that has not failed, and an empty reason (LS001).';
