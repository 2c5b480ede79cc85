-- ls.decision_log: the requests of which the decision was kept, newest first; without their features.
create or replace view ls.decision_log as
select d.request_id, d.served_at, d.role, d.model, d.user_name, d.domain, r.name as ranker, v.number as version, ls.short_digest(d.digest) as digest,
    d.reason, d.rule, d.is_fallback, w.name as worker, d.candidate_count, d.scores, k.name as key
from ls.decision d
    join ls.ranker_version v on v.version_id = d.version_id
    join ls.ranker r on r.ranker_id = v.ranker_id
    left join ls.worker w on w.worker_id = d.worker_id
    left join ls.api_key k on k.api_key_id = d.api_key_id
order by d.served_at desc;
comment on view ls.decision_log is 'The kept decisions, newest first.';
