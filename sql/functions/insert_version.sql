-- ls.insert_version(ranker, digest, weights, …) -> version id, whether it is new.
-- Checks that the bytes are what the digest says (LS003), stores them once, and numbers the version
-- under the ranker's row lock. Of an edge-only ranker digest and size are all there is. A ranker never has two versions of the same bytes: training again
-- with the same seed on the same features gives the version that is there.
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
    select v.version_id into v_id from ls.ranker_version v where v.ranker_id = p_ranker_id and v.digest = p_digest;
    if v_id is not null then
        return query select v_id, false;
        return;
    end if;
    insert into ls.ranker_weights (digest, byte_count, bytes) values (p_digest, coalesce(octet_length(p_weights), p_byte_count), p_weights)
    on conflict (digest) do nothing;
    if v_home is not null then
        insert into ls.home_weights (digest, worker_id) values (p_digest, v_home)
        on conflict (digest) do update set worker_id = excluded.worker_id, lost_at = null, lost_because = null;
    end if;
    insert into ls.ranker_version as v (ranker_id, number, digest, parent_version_id, task_id, attempt_number, worker_id, report, added_by)
    select p_ranker_id, coalesce(max(o.number), 0) + 1, p_digest, p_parent, p_task_id, p_attempt, p_worker_id,
        coalesce(p_report, '{}'), coalesce(p_by, session_user)
    from ls.ranker_version o where o.ranker_id = p_ranker_id
    returning v.version_id into v_id;
    return query select v_id, true;
end
$$;
comment on function ls.insert_version(bigint, bytea, bytea, jsonb, bigint, bigint, integer, bigint, text, bigint) is
    'Stores weights as the next version of a ranker, or finds the version that has these bytes.';
