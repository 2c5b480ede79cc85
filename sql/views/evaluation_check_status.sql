-- ls.evaluation_check_status: one row an evaluation that is, or was, measured again by a coordinator, newest first.
create or replace view ls.evaluation_check_status as
select c.evaluation_check_id, r.name || '@' || v.number as version, c.feature_set_id, c.configuration, w.name as worker, c.reason,
    c.holds, c.requested_at, c.claim_count, c.decided_at, c.verdict, c.because,
    (c.report ->> 'accuracy')::double precision as accuracy_said, (c.found ->> 'accuracy')::double precision as accuracy_found
from ls.evaluation_check c
    join ls.ranker_version v using (version_id)
    join ls.ranker r using (ranker_id)
    join ls.worker w on w.worker_id = c.worker_id
order by c.evaluation_check_id desc;
comment on view ls.evaluation_check_status is 'Evaluations that a coordinator measures again, why, and what it found.';
