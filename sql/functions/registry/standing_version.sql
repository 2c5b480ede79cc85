-- ls.standing_version(ranker_id) -> the version that stands for a ranker where rankers are compared: its champion, or, where
-- the promotion gate has made none, the newest version that the gate would look at. Null: there is none.
-- Called by: request_transfer_matrix, view transfer_matrix.
create or replace function ls.standing_version(p_ranker_id bigint)
returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(
        (select a.version_id from ls.ranker_alias a where a.ranker_id = p_ranker_id and a.alias = 'champion'),
        (select v.version_id from ls.ranker_version v
        where v.ranker_id = p_ranker_id and v.forgotten_at is null and not ls.is_withheld(v.version_id)
        order by v.number desc limit 1));
$$;
comment on function ls.standing_version(bigint) is
    'The version that stands for a ranker where rankers are compared: its champion, or its newest version where it has none.';
