-- ls.promotion_status: every answer of the promotion gate, newest first, promoted, kept or withdrawn, with the evidence.
create or replace view ls.promotion_status as
select p.decided_at, r.name as ranker, v.number as version, c.number as champion_then, p.promoted, p.reason,
    p.policy, p.incumbent, (select sum(n)::integer from unnest(p.query_counts) n) as queries, ls.words_of_e(p.log_e) as e,
    ls.points(p.mean_difference) as points, p.log_e, p.log_e_worse, p.withdrawn,
    (select array_agg(coalesce(d.name, 'user ' || s.user_name, '(forgotten)') order by s.ordinal)
        from ls.promotion_stratum s left join ls.domain d using (domain_id)
        where s.promotion_decision_id = p.promotion_decision_id and s.is_harmed) as harmed
from ls.promotion_decision p
    join ls.ranker_version v on v.version_id = p.version_id
    join ls.ranker r on r.ranker_id = v.ranker_id
    left join ls.ranker_version c on c.version_id = p.champion_version_id
order by p.promotion_decision_id desc;
comment on view ls.promotion_status is 'Every answer of the promotion gate, newest first, with the evidence it rests on and whom the version would harm.';
