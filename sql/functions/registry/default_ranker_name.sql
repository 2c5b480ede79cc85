-- ls.default_ranker_name(user, domain, kind) -> the name a ranker gets when none is given:
-- 'math/algebra.listwise', '~ada.listwise', '~ada/math.listwise', 'global.listwise'.
-- A user name with other characters than letters, digits, '.', '_' and '-' (an e-mail address)
-- has them replaced, and eight digits of its MD5 added, so that two users never share a name.
-- Called by: register_ranker.
create or replace function ls.default_ranker_name(p_user text, p_domain text, p_kind text)
returns text
language sql immutable
as $$
    select coalesce(
        nullif(concat_ws('/',
            '~' || case when p_user ~ '^[A-Za-z0-9._-]+$' then p_user
                else regexp_replace(p_user, '[^A-Za-z0-9._-]', '-', 'g') || '-' || left(md5(p_user), 8) end,
            p_domain), ''),
        'global') || '.' || p_kind;
$$;
comment on function ls.default_ranker_name(text, text, text) is 'The name a ranker gets when none is given.';
