-- ls.insert_version(ranker, digest, weights, …) -> version id, whether it is new.
-- Checks that the bytes are what the digest says (LS003), stores them once, and numbers the version
-- under the ranker's row lock. Of an edge-only ranker digest and size are all there is, its worker's word alone: nothing
-- says whether others have bytes of this digest, or how many. Bytes that come later, for a central ranker trained alike, fill what was
-- missing, and the coordinators hear of it. A ranker never has two versions of the
-- same bytes: training again with the same seed on the same features gives the version that is there.
-- Called by: complete_training, add_version.
create or replace function ls.insert_version(p_ranker_id bigint, p_digest bytea, p_weights bytea, p_report jsonb,
    p_parent bigint, p_task_id bigint, p_attempt integer, p_worker_id bigint, p_by text, p_byte_count bigint default null)
returns table (version_id bigint, is_new boolean)
language plpgsql
as $$
#variable_conflict use_column
declare
    v_id bigint;
    v_home bigint;
    v_is_stored boolean;
begin
    select home_worker_id into v_home from ls.ranker where ranker_id = p_ranker_id;
    if v_home is not null then
        if p_weights is not null or p_worker_id is distinct from v_home or octet_length(p_digest) is distinct from 32
            or p_byte_count is null or p_byte_count < 1
        then
            perform ls.refuse('LS001', format('cannot add a version of ranker ''%s'': its weights are made by worker ''%s'' and stay there',
                (select name from ls.ranker where ranker_id = p_ranker_id), (select name from ls.worker where worker_id = v_home)));
        end if;
    elsif octet_length(p_digest) is distinct from 32 or sha256(p_weights) is distinct from p_digest then
        perform ls.refuse('LS003', format('cannot add a version: its %s bytes of weights have SHA-256 %s…, the digest says %s…',
            coalesce(octet_length(p_weights)::text, 'no'), coalesce(ls.short_digest(sha256(p_weights)), 'none'),
            coalesce(ls.short_digest(p_digest), 'none')), 'send the weights again');
    end if;
    perform from ls.ranker where ranker_id = p_ranker_id for no key update;
    -- Before anything is found to be there: a version that was made without its bytes gets them, too.
    loop
        insert into ls.ranker_weights as w (digest, byte_count, bytes)
        values (p_digest, coalesce(octet_length(p_weights), p_byte_count), p_weights)
        on conflict (digest) do nothing;
        exit when found;
        select w.bytes is not null into v_is_stored from ls.ranker_weights w where w.digest = p_digest for no key update;
        -- Whoever forgot a user took them away while we waited: then they are new.
        continue when not found;
        if not v_is_stored and p_weights is not null then
            update ls.ranker_weights set byte_count = octet_length(p_weights), bytes = p_weights where digest = p_digest;
            perform ls.notify_alias(a.ranker_id)
            from ls.ranker_version v join ls.ranker_alias a using (ranker_id, version_id) where v.digest = p_digest;
        end if;
        exit;
    end loop;
    if v_home is not null then
        -- Each worker's own copy: what another says of the same digest changes nothing here.
        insert into ls.home_weights (digest, worker_id, byte_count) values (p_digest, v_home, p_byte_count)
        on conflict (digest, worker_id) do update set byte_count = excluded.byte_count, lost_at = null, lost_because = null;
    end if;
    select v.version_id into v_id from ls.ranker_version v where v.ranker_id = p_ranker_id and v.digest = p_digest;
    if v_id is not null then
        return query select v_id, false;
        return;
    end if;
    insert into ls.ranker_version as v (ranker_id, number, digest, parent_version_id, task_id, attempt_number, worker_id, report, added_by,
        has_combiner)
    select p_ranker_id, coalesce(max(o.number), 0) + 1, p_digest, p_parent, p_task_id, p_attempt, p_worker_id,
        coalesce(p_report, '{}'), coalesce(p_by, session_user), ls.has_combiner(p_weights, p_report)
    from ls.ranker_version o where o.ranker_id = p_ranker_id
    returning v.version_id into v_id;
    return query select v_id, true;
end
$$;
comment on function ls.insert_version(bigint, bytea, bytea, jsonb, bigint, bigint, integer, bigint, text, bigint) is
    'Stores weights as the next version of a ranker, or finds the version that has these bytes.';
