-- ls.route_choice(version) -> what a request needs to know of a version: its ranker, digest, and where it is scored; is_central:
-- its bytes are here; is_champion: the ranker's champion is this version now; has_combiner: it orders by its score
-- combined with signals.
-- Called by: route_plan, resolve.
create or replace function ls.route_choice(p_version_id bigint)
returns table (ranker_id bigint, ranker_name text, base_model text, user_name text, domain text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, byte_count bigint, worker_id bigint, worker text, is_central boolean,
    is_champion boolean, has_combiner boolean)
language sql stable
as $$
    select r.ranker_id, r.name, b.name, r.user_name, d.name, r.kind, r.configuration, v.version_id, v.number, v.digest,
        coalesce(h.byte_count, x.byte_count), w.worker_id, w.name, r.home_worker_id is null and x.bytes is not null,
        exists (select from ls.ranker_alias a where a.ranker_id = v.ranker_id and a.alias = 'champion' and a.version_id = v.version_id),
        v.has_combiner
    from ls.ranker_version v
        join ls.ranker r using (ranker_id)
        join ls.base_model b using (base_model_id)
        left join ls.domain d using (domain_id)
        left join ls.worker w on w.worker_id = coalesce(r.home_worker_id, r.placed_worker_id) and w.revoked_at is null
        left join ls.ranker_weights x on x.digest = v.digest
        left join ls.home_weights h on h.digest = v.digest and h.worker_id = r.home_worker_id
    where v.version_id = p_version_id;
$$;
comment on function ls.route_choice(bigint) is 'A version as a request needs it: ranker, digest, and the worker it is placed on.';
