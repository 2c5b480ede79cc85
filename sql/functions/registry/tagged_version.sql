-- ls.tagged_version(reference) -> the ranker, and the version when the reference names one: 'ranker' is the
-- ranker itself, 'ranker:alias' and 'ranker@number' are versions. Unknown: LS012, LS013.
-- Called by: set_tag, remove_tag, add_note.
create or replace function ls.tagged_version(p_reference text)
returns table (ranker_id bigint, version_id bigint)
language plpgsql stable
as $$
begin
    if p_reference ~ '[:@]' then
        return query select r.ranker_id, r.version_id from ls.resolve(p_reference) r;
    else
        return query select ls.ranker_id(p_reference), null::bigint;
    end if;
end
$$;
comment on function ls.tagged_version(text) is 'The ranker or version that a tag or note is for.';
