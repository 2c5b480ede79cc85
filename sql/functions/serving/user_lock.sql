-- ls.user_lock(user) -> the key of the advisory lock that orders forgetting a user and recording what was served to them:
-- ls.record_decisions takes it shared, ls.forget_user alone. Called by: forget_user, record_decisions.
create or replace function ls.user_lock(p_user text)
returns bigint
language sql immutable
as $$
    select hashtextextended('ls.user ' || p_user, 7814432246803196018);
$$;
comment on function ls.user_lock(text) is 'The key of a user''s advisory lock.';
