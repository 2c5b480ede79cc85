-- ls.feature_set_status: one row a feature set; is_current: requests take this one when none is named.
create or replace view ls.feature_set_status as
select f.feature_set_id, b.name as base_model, d.name as domain, f.split, f.user_name, f.label_kind,
    f.query_count, f.response_count, f.byte_count, encode(f.digest, 'hex') as digest,
    f.dropped_at is null and f.feature_set_id = first_value(f.feature_set_id) over (
        partition by f.base_model_id, f.domain_id, f.split, f.user_name
        order by f.ready_at desc nulls last, f.feature_set_id desc) as is_current,
    f.imported_by, f.imported_at, f.dropped_at, h.name as home
from ls.feature_set f join ls.base_model b using (base_model_id) join ls.domain d using (domain_id)
    left join ls.worker h on h.worker_id = f.home_worker_id
order by b.name, d.name, f.split, f.feature_set_id;
comment on view ls.feature_set_status is 'The feature sets, their contents, and which are current.';
