-- ls.exemption_status: who is not served by a ranker's champion, because it was proven worse for them, what serves them, and the evidence.
create or replace view ls.exemption_status as
select r.name as ranker, x.user_name, d.name as domain, c.number as champion, k.number as keeps,
    ls.exemption_holds(x.exemption_id) as is_live, x.since, v.number as decided_on, s.query_count as queries,
    ls.points(s.mean_difference) as points, ls.words_of_e(s.log_e_worse) as e, p.reason
from ls.exemption x
    join ls.ranker r using (ranker_id)
    join ls.promotion_decision p using (promotion_decision_id)
    join ls.ranker_version v on v.version_id = p.version_id
    left join ls.domain d on d.domain_id = x.domain_id
    left join ls.ranker_version k on k.version_id = x.version_id
    left join ls.ranker_alias a on a.ranker_id = x.ranker_id and a.alias = 'champion'
    left join ls.ranker_version c on c.version_id = a.version_id
    left join ls.promotion_stratum s on s.promotion_decision_id = x.promotion_decision_id
        and (s.user_name = x.user_name or s.domain_id = x.domain_id)
order by r.name, x.user_name nulls first, d.name;
comment on view ls.exemption_status is 'Users and domains that a ranker''s champion does not serve, because it was proven worse for them: which version they keep, and why.';
