-- ls.without_name(text, name, kept) -> the text with '(forgotten)' wherever the name stands as a word of its own.
-- A word is bounded by anything but letters, digits and '_' ("al" is not in "algebra"); scripts that write no spaces have
-- no such bounds. Inside a longer name that something else is registered under ('kept': a domain, another's ranker, a
-- worker) it is that name, and stays. So do words of ours, whatever a user is called: functions look for them.
-- Called by: forget_user, json_without_name.
create or replace function ls.without_name(p_text text, p_name text, p_kept text[] default '{}')
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
    v_kept text[];
    c_letter constant text := '[[:alnum:]_]';
    c_ours constant text[] := '{lscoord,promotion gate,evaluation check,"worker ",(forgotten)}';
begin
    loop
        v_place := position(p_name in v_rest);
        if v_place is null or v_place = 0 then
            return v_done || v_rest;
        end if;
        -- Most of the others' names are not in this text.
        if v_kept is null then
            v_kept := array(select k from unnest(p_kept || c_ours) k where position(p_name in k) > 0 and position(k in p_text) > 0);
        end if;
        v_before := right(v_done || left(v_rest, v_place - 1), 1);
        v_after := substr(v_rest, v_place + v_length, 1);
        if (v_before ~ c_letter and left(p_name, 1) ~ c_letter and greatest(ascii(v_before), ascii(p_name)) < 11904)
            or (v_after ~ c_letter and right(p_name, 1) ~ c_letter and greatest(ascii(v_after), ascii(right(p_name, 1))) < 11904)
            or exists (
                select from unnest(v_kept) k, generate_series(1, length(k) - v_length + 1) o
                where substr(k, o, v_length) = p_name
                    and right(v_done || left(v_rest, v_place - 1), o - 1) || substr(v_rest, v_place, length(k) - o + 1) = k)
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
comment on function ls.without_name(text, text, text[]) is 'A text with (forgotten) in place of a name that stands in it as a word.';
