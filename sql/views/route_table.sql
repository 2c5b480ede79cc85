-- ls.route_table: the rules that come before the chain, in order, with what their targets mean now.
create or replace view ls.route_table as
select u.priority, u.name, u.action, u.share / 10000.0 as share, b.name as base_model, u.user_name, u.domain_pattern, u.target,
    v.version_id, v.number as version, ls.short_digest(v.digest) as digest, v.version_id is not null as is_live, u.added_at, u.added_by
from ls.route_rule u
    join ls.base_model b using (base_model_id)
    left join ls.ranker_version v on v.version_id = ls.rule_version(u.target)
order by b.name, u.priority, u.route_rule_id;
comment on view ls.route_table is 'The rules that come before the chain, in order, with the versions that their targets name now.';
