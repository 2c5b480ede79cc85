-- ls.set_tag(reference, key, value, by): puts a tag on a ranker ('ranker') or a version ('ranker@3',
-- 'ranker:champion': the version it is now). The same key again replaces the value. A key is a lower-case
-- word of at most 100 characters, a value has at most 2,000 (LS001). As a note, it keeps who set it
-- and when (ls.ranker_tag), and is no part of the audit log: it decides nothing.
-- Called by: an operator.
create or replace function ls.set_tag(p_reference text, p_key text, p_value text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_target record;
begin
    if coalesce(p_key !~ '^[a-z][a-z0-9_.-]{0,99}$', true) or p_value is null or length(p_value) > 2000 then
        perform ls.refuse('LS001', format('cannot tag ''%s'' with key ''%s'' and a value of %s characters', left(p_reference, 400), left(p_key, 120),
            coalesce(length(p_value)::text, 'no')), 'a key is a lower-case word, a value has at most 2000 characters');
    end if;
    select * into strict v_target from ls.tagged_version(p_reference);
    perform ls.keep_named(v_target.ranker_id, array[v_target.version_id]);
    insert into ls.tag as t (ranker_id, version_id, key, value, set_by)
    values (v_target.ranker_id, v_target.version_id, p_key, p_value, coalesce(p_by, session_user))
    on conflict on constraint tag_is_set_once do update
        set value = excluded.value, set_by = excluded.set_by, set_at = clock_timestamp() where t.value <> excluded.value;
end
$$;
comment on function ls.set_tag(text, text, text, text) is
    'Sets a tag (key and value) of a ranker, or of one of its versions (''ranker@3'', ''ranker:alias''); a new value of the same key replaces the old one. Refuses an unknown ranker or version (LS012, LS013), a key that is not a lower-case word and a value of more than 2,000 '
    'characters (LS001).';
