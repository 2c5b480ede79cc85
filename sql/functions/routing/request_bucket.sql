-- ls.request_bucket(rule, request) -> 0 to 9999, the same for ever: where a request falls in a rule's share.
-- The first four bytes of SHA-256(secret, SHA-256(secret, rule, line feed, request)), as a number, modulo 10,000: callers choose
-- their requests' ids, and without the secret cannot choose what they fall in. lscoord computes the same
-- (RequestShares.swift). Called by: route, an operator.
create or replace function ls.request_bucket(p_rule text, p_request text)
returns integer
language sql stable strict security definer set search_path = pg_catalog, pg_temp
as $$
    select ((get_byte(h, 0)::bigint * 16777216 + get_byte(h, 1) * 65536 + get_byte(h, 2) * 256 + get_byte(h, 3)) % 10000)::integer
    from (select sha256(s.secret || sha256(s.secret || convert_to(p_rule || E'\n' || p_request, 'UTF8'))) as h from ls.share_secret s) d;
$$;
comment on function ls.request_bucket(text, text) is
    'The bucket of a request in a rule, 0 to 9999, which never changes. The rule applies to buckets below its share. It depends on a secret of this installation.';
