-- ls.api_key_status: every key, what it may ask for, and whether it is good.
create or replace view ls.api_key_status as
select k.name, k.api_key_id as id, case when k.revoked_at is not null then 'revoked'
        when k.expires_at <= clock_timestamp() then 'expired' else 'valid' end as state,
    k.users, k.domains, k.base_models, k.created_at, k.created_by, k.expires_at, k.revoked_at, k.revoked_by, k.revoked_because, k.permissions
from ls.api_key k order by k.name;
comment on view ls.api_key_status is 'Every API key, what it may ask for, and whether it is good.';
