-- ls.await_incumbent(version, incumbent, configuration): a decision on the version waits. When figures of the incumbent come in, or are measured
-- again, the gate looks at it anew (ls.settle_promotions). It waits for one at a time. Not so with another configuration than the gate's own, with which
-- it is a person who asks. Called by: consider_promotion.
create or replace function ls.await_incumbent(p_version_id bigint, p_incumbent_version_id bigint, p_configuration jsonb)
returns void
language sql
as $$
    delete from ls.promotion_wait where version_id = p_version_id and incumbent_version_id is distinct from p_incumbent_version_id
        and p_configuration = ls.default_evaluation_configuration();
    insert into ls.promotion_wait (version_id, incumbent_version_id) select p_version_id, p_incumbent_version_id
    where p_incumbent_version_id is not null and p_configuration = ls.default_evaluation_configuration()
    on conflict (incumbent_version_id, version_id) do nothing;
$$;
comment on function ls.await_incumbent(bigint, bigint, jsonb) is
    'Lets the promotion gate look at a version again when figures of its incumbent come in.';
