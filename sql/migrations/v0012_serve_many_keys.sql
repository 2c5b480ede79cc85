-- Keys are neighbours: what one keeps takes nothing from another, ids are unique within a key, and nobody chooses the share
-- of requests that it falls in. What a key may name is listed in pages, each by an index.

-- Whose request it was; of decisions of before nobody knows.
alter table ls.decision add column api_key_id text;

-- What each key's decisions take, by hour (UTC), as far as they were written: so that a key that keeps much makes room itself.
create table ls.decision_volume (
    hour timestamptz not null,
    -- '' for decisions of no key.
    api_key_id text not null,
    byte_count bigint not null,
    primary key (hour, api_key_id),
    constraint decision_volume_is_not_negative check (byte_count >= 0)
);
insert into ls.decision_volume
    select date_trunc('hour', served_at, 'UTC'), '', sum(octet_length(features) + 1000) from ls.decision group by 1;

-- In which share of a rule a request falls: by a hash that only those who can read this can compute.
create table ls.share_secret (
    share_secret_id integer primary key default 1,
    secret bytea not null,
    constraint share_secret_is_one check (share_secret_id = 1),
    constraint share_secret_is_long check (octet_length(secret) = 32)
);
insert into ls.share_secret (secret) values (sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())));

-- The rankers of an owner and a domain, and of a domain, each in an order that a page can go on from.
drop index ls.ranker_by_owner_and_domain;
create index ranker_by_owner_and_domain on ls.ranker (base_model_id, coalesce(user_name, ''), coalesce(domain_id, 0), ranker_id);
create index ranker_by_domain on ls.ranker (base_model_id, coalesce(domain_id, 0), ranker_id);

comment on table ls.decision_volume is 'The bytes that each key''s kept decisions take, by hour.';
comment on table ls.share_secret is 'What the shares of requests are drawn by; one row, made once.';
