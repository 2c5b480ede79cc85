-- ls.short_digest(digest) -> the first 12 hexadecimal digits, for people.
-- Called by: messages and views.
create or replace function ls.short_digest(p_digest bytea)
returns text
language sql immutable strict
return left(encode(p_digest, 'hex'), 12);
comment on function ls.short_digest(bytea) is
    'The first 12 hexadecimal digits of a digest, for people.';
