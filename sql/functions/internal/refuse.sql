-- ls.refuse(sqlstate, message, hint): raises one of our errors; never returns.
-- The SQLSTATEs are those of LanguageSystem/ErrorCode.swift; the message is one sentence that
-- says what could not be done: what was found, what was expected.
-- Called by: the other functions of this schema.
create or replace function ls.refuse(p_sqlstate text, p_message text, p_hint text default null)
returns void
language plpgsql
as $$
begin
    if p_hint is null then
        raise exception using errcode = p_sqlstate, message = p_message;
    end if;
    raise exception using errcode = p_sqlstate, message = p_message, hint = p_hint;
end
$$;
comment on function ls.refuse(text, text, text) is 'Raises one of our errors, with its hint if there is one.';
