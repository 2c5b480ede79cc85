-- ls.add_note(reference, text, by): writes a note about a ranker or a version. Notes are never changed; a
-- correction is another note. An empty one, or one of more than 20,000 characters: LS001.
-- Called by: an operator.
create or replace function ls.add_note(p_reference text, p_text text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_target record;
begin
    if coalesce(length(p_text), 0) not between 1 and 20000 then
        perform ls.refuse('LS001', format('cannot add a note to ''%s'': found %s characters, expected 1 to 20000',
            left(p_reference, 400), coalesce(length(p_text), 0)));
    end if;
    select * into strict v_target from ls.tagged_version(p_reference);
    perform ls.keep_named(v_target.ranker_id, array[v_target.version_id]);
    insert into ls.note (ranker_id, version_id, text, written_by)
    values (v_target.ranker_id, v_target.version_id, p_text, coalesce(p_by, session_user));
end
$$;
comment on function ls.add_note(text, text, text) is
    'Writes a note about a ranker, or about one of its versions (''ranker@3'', ''ranker:alias''); ls.ranker_note shows them. Refuses an '
    'unknown ranker or version (LS012, LS013), and an empty text or one of more than 20,000 characters (LS001).';
