-- ls.promotion_status: every answer of the promotion gate, newest first, promoted or kept.
create or replace view ls.promotion_status as
select p.decided_at, r.name as ranker, v.number as version, c.number as champion_then, p.promoted, p.reason
from ls.promotion_decision p
    join ls.ranker_version v on v.version_id = p.version_id
    join ls.ranker r on r.ranker_id = v.ranker_id
    left join ls.ranker_version c on c.version_id = p.champion_version_id
order by p.promotion_decision_id desc;
comment on view ls.promotion_status is 'Every decision of the promotion gate, newest first, with its figures.';
