-- ls.exempt_harmed(decision, exemptions before) -> how many strata of the promoted version's ranker are exempt now. The champion has moved,
-- and with it all exemptions ended; who keeps something is decided anew:
--   a harmed stratum                  keeps what it was compared with: what it had, or else the incumbent. Where that is not of this
--                                     ranker (another one's, the first sample), the ranker does not serve it: the next of the chain does
--   one that had an exemption, and    within a harmed one, or with too few queries to be looked at this time: it stays as it was, under
--   was not looked at by itself       the decision of then
--   one that was, and is not harmed   the new champion serves it
-- Called by: consider_promotion.
create or replace function ls.exempt_harmed(p_decision_id bigint, p_before ls.exemption[])
returns integer
language plpgsql
as $$
declare
    v_decision ls.promotion_decision;
    v_ranker_id bigint;
    v_count integer;
begin
    select * into strict v_decision from ls.promotion_decision where promotion_decision_id = p_decision_id;
    v_ranker_id := ls.version_ranker(v_decision.version_id);
    insert into ls.exemption (ranker_id, user_name, domain_id, version_id, promotion_decision_id, since)
    with harmed as (
        select s.user_name, s.domain_id, d.name from ls.promotion_stratum s left join ls.domain d using (domain_id)
        where s.promotion_decision_id = p_decision_id and s.is_harmed
    ), before as (
        select b.*, d.name from unnest(p_before) b left join ls.domain d using (domain_id)
    )
    select v_ranker_id, h.user_name, h.domain_id, v.version_id, p_decision_id, clock_timestamp()
    from harmed h
        -- What it had: its own, or the nearest broader domain's.
        left join lateral (select b.exemption_id, b.version_id from before b
            where b.user_name = h.user_name or (b.domain_id is not null and h.domain_id is not null and ls.domain_is_within(h.name, b.name))
            order by length(b.name) desc limit 1) b on true
        left join ls.ranker_version v on v.ranker_id = v_ranker_id
            and v.version_id = case when b.exemption_id is not null and (b.version_id is null or ls.may_be_champion(b.version_id))
                then b.version_id else v_decision.incumbent_version_id end
    union all
    select v_ranker_id, b.user_name, b.domain_id, b.version_id, b.promotion_decision_id, b.since
    from before b
    where not exists (select from harmed h where h.user_name = b.user_name or h.domain_id = b.domain_id)
        and (exists (select from harmed h where b.domain_id is not null and h.domain_id is not null and ls.domain_is_within(b.name, h.name))
            or not exists (select from ls.promotion_stratum s
                where s.promotion_decision_id = p_decision_id and (s.user_name = b.user_name or s.domain_id = b.domain_id)));
    get diagnostics v_count = row_count;
    return v_count;
end
$$;
comment on function ls.exempt_harmed(bigint, ls.exemption[]) is
    'Lets the users and domains that a new champion would harm keep the version that they have.';
