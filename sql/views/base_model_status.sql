-- ls.base_model_status: one row a base model, with its feature contract and how much belongs to it.
create or replace view ls.base_model_status as
select b.base_model_id, b.name, b.hidden_size, b.revision, b.layer, b.layer_fraction, b.norm, b.pooling, b.dtype, b.template_digest,
    (select count(*) from ls.ranker r where r.base_model_id = b.base_model_id) as rankers,
    (select count(*) from ls.feature_set f where f.base_model_id = b.base_model_id and f.ready_at is not null) as feature_sets,
    b.registered_at, encode(c.digest, 'hex') as canary
from ls.base_model b left join ls.canary c using (base_model_id)
order by b.name;
comment on view ls.base_model_status is 'Base models with their feature contracts.';
