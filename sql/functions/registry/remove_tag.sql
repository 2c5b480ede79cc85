-- ls.remove_tag(reference, key) -> whether it was there. Called by: an operator.
create or replace function ls.remove_tag(p_reference text, p_key text)
returns boolean
language sql security definer set search_path = pg_catalog, pg_temp
as $$
    with gone as (
        delete from ls.tag t using ls.tagged_version(p_reference) v
        where t.ranker_id = v.ranker_id and t.version_id is not distinct from v.version_id and t.key = p_key
        returning t.tag_id)
    select exists (select from gone);
$$;
comment on function ls.remove_tag(text, text) is
    'Removes a tag of a ranker or a version, and returns whether it existed. Refuses an unknown ranker or version (LS012, LS013).';
