-- ls.lost_ranker: one row for each edge-only ranker whose champion's weights are lost; requests fall back meanwhile.
create or replace view ls.lost_ranker as
select r.ranker_id, r.name, r.user_name, d.name as domain, w.name as home, h.lost_at, h.lost_because
from ls.home_weights h
    join ls.ranker_version v on v.digest = h.digest
    join ls.ranker_alias a on a.ranker_id = v.ranker_id and a.version_id = v.version_id and a.alias = 'champion'
    join ls.ranker r on r.ranker_id = v.ranker_id and r.home_worker_id = h.worker_id
    join ls.worker w on w.worker_id = h.worker_id
    left join ls.domain d on d.domain_id = r.domain_id
where h.lost_at is not null
order by h.lost_at, r.name;
comment on view ls.lost_ranker is 'The edge-only rankers whose champion''s weights are lost, since when and why.';
