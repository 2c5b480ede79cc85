-- ls.strata(ranker, feature sets) -> the parts of a decision's queries that nobody may be left behind in, each with the places of its
-- sets: every narrower domain that has a set of its own, with all that is beneath it, and every user, but for the ranker's own.
-- Only those with 30 queries or more, as few prove nothing, and not all queries once more. A query may be in several: of a domain
-- within another one, and of a user. Called by: judge.
create or replace function ls.strata(p_ranker_id bigint, p_feature_set_ids bigint[])
returns table (user_name text, domain_id bigint, name text, set_places integer[], query_count integer)
language sql stable
as $$
    with sets as materialized (
        select s.place::integer as place, f.user_name, f.domain_id, d.name, f.query_count, r.user_name as owner, coalesce(length(o.name), 0) as depth
        from unnest(p_feature_set_ids) with ordinality s (feature_set_id, place)
            join ls.feature_set f using (feature_set_id)
            join ls.domain d on d.domain_id = f.domain_id
            join ls.ranker r on r.ranker_id = p_ranker_id
            left join ls.domain o on o.domain_id = r.domain_id
    ), parts as (
        select null::text as user_name, n.domain_id, n.name, s.place, s.query_count
        from sets s
            cross join lateral generate_series(1, length(s.name) - length(replace(s.name, '/', '')) + 1) k
            join (select distinct domain_id, name from sets) n on n.name = array_to_string((string_to_array(s.name, '/'))[:k], '/')
        where length(n.name) > s.depth
        union all
        select s.user_name, null, s.user_name, s.place, s.query_count from sets s where s.user_name <> coalesce(s.owner, '')
    )
    select user_name, domain_id, name, array_agg(place order by place), sum(query_count)::integer
    from parts group by user_name, domain_id, name
    having sum(query_count) >= 30 and count(*) < cardinality(p_feature_set_ids)
    order by user_name nulls first, name collate "C";
$$;
comment on function ls.strata(bigint, bigint[]) is
    'The users and narrower domains with 30 queries or more among some test sets of a ranker, which the promotion gate looks at one by one.';
