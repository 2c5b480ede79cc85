-- ls.set_promotion_policy(ranker, policy, margin, by): what a version of the ranker has to prove before the gate makes it champion:
-- 'better' (the default), 'not_worse' by more than the margin (a share, 0.02: two points) than the anchor (ls.judge),
-- for forced refreshes, or 'manual': a person decides. What was decided stays. Called by: an operator.
create or replace function ls.set_promotion_policy(p_ranker text, p_policy text, p_margin double precision default 0.02, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranker_id bigint := ls.ranker_id(p_ranker);
begin
    if p_policy is null or p_policy not in ('better', 'not_worse', 'manual') then
        perform ls.refuse('LS001', format('cannot set the promotion policy of ''%s'': found ''%s'', expected better, not_worse or manual',
            p_ranker, left(coalesce(p_policy, 'null'), 60)));
    end if;
    if p_margin is null or p_margin not between 0 and 0.5 then
        perform ls.refuse('LS001', format('cannot set the promotion policy of ''%s'': found margin %s, expected 0 to 0.5', p_ranker,
            coalesce(p_margin::text, 'null')));
    end if;
    insert into ls.promotion_policy as p (ranker_id, policy, margin, set_by) values (v_ranker_id, p_policy, p_margin, coalesce(p_by, session_user))
    on conflict (ranker_id) do update set policy = excluded.policy, margin = excluded.margin, set_by = excluded.set_by, set_at = clock_timestamp();
    perform ls.record_audit(p_by, 'set promotion policy', p_ranker, format('%s, margin %s', p_policy, p_margin));
end
$$;
comment on function ls.set_promotion_policy(text, text, double precision, text) is
    'Sets what a version of a ranker has to prove before it is made champion by the gate: better, not_worse than a margin, or '
    'manual. Refuses an unknown ranker (LS012), another policy and a margin outside 0 to 0.5 (LS001).';
