-- ls.promotion_status: every answer of the promotion gate, newest first, promoted, kept or withdrawn, with the evidence: the figures of
-- the version and of who would serve without it (incumbent_version; null: the first sample) on the same queries. Where nothing was
-- decided on evidence (few queries, say), the figures are those that are known now.
create or replace view ls.promotion_status as
select p.decided_at, r.name as ranker, v.number as version, c.number as champion_then, p.promoted, p.reason,
    p.policy, p.incumbent, (select sum(n)::integer from unnest(p.query_counts) n) as queries, ls.words_of_e(p.log_e) as e,
    ls.points(p.mean_difference) as points, p.log_e, p.log_e_worse, p.withdrawn,
    (select array_agg(coalesce(d.name, 'user ' || s.user_name, '(forgotten)') order by s.ordinal)
        from ls.promotion_stratum s left join ls.domain d using (domain_id)
        where s.promotion_decision_id = p.promotion_decision_id and s.is_harmed) as harmed,
    round((100 * coalesce((select avg(a) from unnest(p.version_values) a), known.version))::numeric, 2) as version_percent,
    (select s.name || '@' || i.number from ls.ranker_version i join ls.ranker s using (ranker_id)
        where i.version_id = p.incumbent_version_id) as incumbent_version,
    round((100 * coalesce((select avg(a) from unnest(p.incumbent_values) a), known.incumbent))::numeric, 2) as incumbent_percent
from ls.promotion_decision p
    join ls.ranker_version v on v.version_id = p.version_id
    join ls.ranker r on r.ranker_id = v.ranker_id
    left join ls.ranker_version c on c.version_id = p.champion_version_id
    left join lateral (
        select sum(e.accuracy * e.group_count) / sum(e.group_count) as version,
            sum(case when p.incumbent_version_id is null then e.first_sample else i.accuracy end * e.group_count) / sum(e.group_count) as incumbent
        from ls.evaluation e
            left join ls.evaluation i on i.version_id = p.incumbent_version_id and i.feature_set_id = e.feature_set_id
                and i.configuration = e.configuration
        where p.version_values is null and e.version_id = p.version_id and e.feature_set_id = any (p.feature_set_ids)
            and e.configuration = p.configuration) known on true
order by p.promotion_decision_id desc;
comment on view ls.promotion_status is 'Every answer of the promotion gate, newest first, with the evidence it rests on and whom the version would harm.';
