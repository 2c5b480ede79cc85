-- ls.without_name(text, name, kept) -> the text with '(forgotten)' wherever the name stands as a word of its own.
-- A word is bounded by anything but letters, digits and '_' ("al" is not in "algebra"); scripts that write no spaces have
-- no such bounds. Inside a longer name that something else is registered under ('kept': a domain, another's ranker, a
-- worker; as ls.names_with lists them) it is that name, and stays. So do words of ours, whatever a
-- user is called: functions look for them. What a text takes does not grow with the number of names
-- that are kept.
-- Called by: forget_user, json_without_name.
create or replace function ls.without_name(p_text text, p_name text, p_kept jsonb default '{}')
returns text
language plpgsql immutable
as $$
declare
    v_length integer := length(p_name);
    v_done text := '';
    v_rest text := p_text;
    v_place integer;
    v_before text;
    v_after text;
    v_head text;
    v_tail text;
    c_letter constant text := '[[:alnum:]_]';
    c_ours constant text[] := '{lscoord,promotion gate,evaluation check,"worker ",(forgotten)}';
begin
    loop
        v_place := position(p_name in v_rest);
        if v_place is null or v_place = 0 then
            return v_done || v_rest;
        end if;
        -- What stands before the name and from it on, as far as a registered name may reach.
        v_head := right(v_done || left(v_rest, v_place - 1), 400);
        v_tail := substr(v_rest, v_place, 400);
        v_before := right(v_head, 1);
        v_after := substr(v_rest, v_place + v_length, 1);
        if (v_before ~ c_letter and left(p_name, 1) ~ c_letter and greatest(ascii(v_before), ascii(p_name)) < 11904)
            or (v_after ~ c_letter and right(p_name, 1) ~ c_letter and greatest(ascii(v_after), ascii(right(p_name, 1))) < 11904)
            or exists (
                select from unnest(c_ours) k, generate_series(1, length(k) - v_length + 1) o
                where substr(k, o, v_length) = p_name
                    and right(v_head, o - 1) || left(v_tail, length(k) - o + 1) = k)
            or exists (
                select from jsonb_array_elements(p_kept -> 'places') o,
                    jsonb_array_elements(p_kept -> ('before ' || right(v_head, o::integer - 1))) l
                where p_kept ? ('name ' || right(v_head, o::integer - 1)
                    || left(v_tail, l::integer - o::integer + 1)))
        then
            v_done := v_done || left(v_rest, v_place);
            v_rest := substr(v_rest, v_place + 1);
        else
            v_done := v_done || left(v_rest, v_place - 1) || '(forgotten)';
            v_rest := substr(v_rest, v_place + v_length);
        end if;
    end loop;
end
$$;
comment on function ls.without_name(text, text, jsonb) is
    'A text with (forgotten) in place of a name that stands in it as a word.';
