-- ls.version_lineage: one row a version: where it came from (parent, task, worker, feature sets).
create or replace view ls.version_lineage as
select v.version_id, r.name || '@' || v.number as version, r.name as ranker, v.number, encode(v.digest, 'hex') as digest,
    coalesce(hm.byte_count, w.byte_count) as byte_count,
    p.name || '@' || pv.number as parent, v.task_id, v.attempt_number as attempt, wk.name as worker,
    (select array_agg(d.name || ' ' || f.split || ' ' || ls.short_digest(f.digest) order by vf.ordinal)
        from ls.version_feature_set vf join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id)
        where vf.version_id = v.version_id) as trained_on,
    (select array_agg(a.alias order by a.alias) from ls.ranker_alias a
        where a.ranker_id = v.ranker_id and a.version_id = v.version_id) as aliases,
    v.report, v.added_by, v.added_at, v.forgotten_at,
    hw.name as home, hm.lost_at
from ls.ranker_version v
    join ls.ranker r using (ranker_id)
    left join ls.ranker_weights w using (digest)
    left join ls.home_weights hm on hm.digest = v.digest and hm.worker_id = r.home_worker_id
    left join ls.worker hw on hw.worker_id = hm.worker_id
    left join ls.ranker_version pv on pv.version_id = v.parent_version_id
    left join ls.ranker p on p.ranker_id = pv.ranker_id
    left join ls.worker wk on wk.worker_id = v.worker_id
order by v.version_id;
comment on view ls.version_lineage is 'Versions and where they came from: parent, task, worker, feature sets.';
