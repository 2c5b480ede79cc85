-- ls.share_bucket(rule, unit) -> 0 to 9999, the same for ever, in every installation: where a user falls in a split.
-- The first four bytes of the SHA-256 of rule, line feed, unit, as a number, modulo 10,000. Requests, whose ids
-- callers choose, are drawn by ls.request_bucket. Called by: route_plan.
create or replace function ls.share_bucket(p_rule text, p_unit text)
returns integer
language sql immutable strict parallel safe
as $$
    select ((get_byte(h, 0)::bigint * 16777216 + get_byte(h, 1) * 65536 + get_byte(h, 2) * 256 + get_byte(h, 3)) % 10000)::integer
    from (select sha256(convert_to(p_rule || E'\n' || p_unit, 'UTF8')) as h) d;
$$;
comment on function ls.share_bucket(text, text) is
    'The bucket of a user in a split, 0 to 9999, which never changes. The rule applies to buckets below its share.';
