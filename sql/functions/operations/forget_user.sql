-- ls.forget_user(user, reason, by) -> what was deleted, and how many of each.
-- Deletes what came from one user, in one transaction: the user's feature sets with their bytes, requests of which the
-- decision was kept, the user's rankers with all versions, and every version of any other ranker that learned from those features or
-- descends from such a version, with its weights, figures and tasks. A shared ranker's alias that named such a
-- version goes back to the last one that did not learn from the user, or is taken away. Of a deleted version of a
-- shared ranker its number stays, so that numbers never mean two things. Work under way on any of it is lost: its
-- leases answer `lost`. Blocked tasks that needed it are cancelled.
-- The name goes, too: an API key for this user alone is revoked and renamed (never left as a key for everybody), one for
-- several users is for the others; rules for the user or to the user's rankers are removed; a label 'user' of a worker or
-- an invitation no longer names the user, and an invitation for this user alone has expired; in every text that people
-- or programs wrote (ls.free_texts) the name as a word of its own is overwritten, and in the audit log the names of the
-- user's rankers. That somebody was forgotten, when, why and by whom stays, under the first
-- digits of the SHA-256 of the user's name. Again, or for a user nobody has heard of: zeros.
-- What stays: names that something else is registered under and that contain the name (a worker's, a domain's), what stands
-- in other users' feature files, and what lscoord forget --help says of copies outside this database.
-- Copies on workers' disks are no longer named by anything and leave with the cache's limit. What is at home with a
-- worker is the user's own to delete; offered again it is refused, for no label names the user.
-- Weights that only edge-only rankers of others name lose their bytes: those at home are no concern of ours.
-- A decision that is being recorded at this moment is waited for, and goes, too (ls.user_lock). Coordinators drop what
-- they have in memory (channel ls_forget). Locks in the one order of the page States.
-- Called by: an admin.
create or replace function ls.forget_user(p_user text, p_reason text, p_by text default null)
returns table (deleted text, count bigint)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_sets bigint[];
    v_rankers bigint[];
    v_names text[];
    v_versions bigint[];
    v_tasks bigint[];
    v_all record;
    v_before jsonb;
    v_sweeps bigint[];
    v_digests bytea[];
    v_archived bigint;
    v_emptied bigint;
    v_id bigint;
    v_alias record;
    v_clean bigint;
    v_counts bigint[] := array[]::bigint[];
    v_count bigint;
    v_texts bigint := 0;
    v_kept jsonb;
    v_by text;
    v_reason text;
    v_key record;
    v_text record;
    c_ours constant text := '^[0-9a-f-]{32,64}$';
begin
    if coalesce(p_user, '') = '' or coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', 'cannot forget a user: a name and a reason are needed');
    end if;
    v_by := ls.without_name(p_by, p_user);
    perform pg_advisory_xact_lock(ls.user_lock(p_user));
    perform ls.home_lock();
    -- Invitations, all workers (whatever a worker says or offers waits), then tasks, rankers and feature sets.
    perform from ls.join_token where position(p_user in labels::text) > 0 or position(p_user in created_by) > 0
    order by join_token_id for no key update;
    -- As they are locked when a worker connects: before the worker.
    perform from ls.worker_presence
    where position(p_user in concat_ws(' ', program_version, instance, place, array_to_string(domains, ' '), array_to_string(replaced_instances, ' '))) > 0
    order by worker_id for no key update;
    perform from ls.worker order by worker_id for no key update;
    -- What was under way when we looked may have ended before it was locked. A task that is found late cannot be locked in
    -- order: then all is let go and locked anew. Once all is locked, nothing new can name it.
    for v_round in 1 .. 10 loop
        begin
            select * into strict v_all from ls.forgettable(p_user);
            perform from ls.task where task_id in (
                select id from unnest(v_all.blocked) id
                -- and those that only mention the user
                union select task_id from ls.task where position(p_user in concat_ws(' ', owner, requested_by, ended_because)) > 0
                union select task_id from ls.attempt where position(p_user in concat_ws(' ', note, error_code, error_message)) > 0)
            order by task_id for update;
            perform from ls.ranker where ranker_id = any (v_all.rankers)
                or ranker_id in (select ranker_id from ls.ranker_version where version_id = any (v_all.versions))
                or ranker_id in (select ranker_id from ls.task where task_id = any (v_all.blocked))
            order by ranker_id for update;
            perform from ls.feature_set where feature_set_id = any (v_all.sets) order by feature_set_id for update;
            -- Last, so that nobody names them in a version any more: whoever adds one waits.
            perform from ls.ranker_weights where digest in (select digest from ls.ranker_version where version_id = any (v_all.versions))
            order by digest for update;
            v_before := to_jsonb(v_all);
            select * into strict v_all from ls.forgettable(p_user);
            exit when to_jsonb(v_all) = v_before or v_round = 10;
            raise exception using errcode = 'P0098', message = 'more came than was locked';
        exception when sqlstate 'P0098' then
            null;
        end;
    end loop;
    v_sets := v_all.sets; v_rankers := v_all.rankers; v_names := v_all.names; v_versions := v_all.versions; v_tasks := v_all.tasks;

    -- What others still expect of this.
    foreach v_id in array v_tasks loop
        perform ls.cancel_dependents(v_id, v_by);
    end loop;
    for v_alias in
        select a.ranker_id, r.name, a.alias from ls.ranker_version v
            join ls.ranker_alias a using (ranker_id, version_id) join ls.ranker r using (ranker_id)
        where v.version_id = any (v_versions) and a.ranker_id <> all (v_rankers)
        order by a.ranker_id, a.alias
    loop
        select h.to_version_id into v_clean from ls.alias_history h join ls.ranker_version v on v.version_id = h.to_version_id
        where h.ranker_id = v_alias.ranker_id and h.alias = v_alias.alias and h.to_version_id <> all (v_versions)
            and v.forgotten_at is null
        order by h.alias_history_id desc limit 1;
        if v_clean is null then
            perform ls.remove_alias(v_alias.name, v_alias.alias, 'a user was forgotten', v_by);
        else
            perform ls.set_alias(v_clean, v_alias.alias, 'a user was forgotten', v_by, true);
        end if;
    end loop;

    perform set_config('ls.forgetting', 'on', true);  -- ls.guard_immutable lets pass
    select coalesce(array_agg(distinct s.sweep_id), '{}') into v_sweeps
    from ls.sweep s left join ls.sweep_entry e using (sweep_id)
    where s.ranker_id = any (v_rankers) or s.train_feature_set_ids && v_sets or s.test_feature_set_ids && v_sets
        or e.task_id = any (v_tasks);
    delete from ls.sweep_entry where sweep_id = any (v_sweeps);
    delete from ls.sweep where sweep_id = any (v_sweeps);
    delete from ls.evaluation_check where version_id = any (v_versions) or feature_set_id = any (v_sets);
    delete from ls.evaluation where version_id = any (v_versions) or feature_set_id = any (v_sets);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    select coalesce(array_agg(distinct digest), '{}') into v_digests from ls.ranker_version
    where version_id = any (v_versions) and digest is not null;
    delete from ls.version_feature_set where version_id = any (v_versions);
    delete from ls.tag where ranker_id = any (v_rankers) or version_id = any (v_versions);
    delete from ls.note where ranker_id = any (v_rankers) or version_id = any (v_versions);
    update ls.ranker_version set digest = null, report = '{}', parent_version_id = null, task_id = null, attempt_number = null,
        worker_id = null, forgotten_at = clock_timestamp()
    where version_id = any (v_versions) and forgotten_at is null;
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.attempt where task_id = any (v_tasks);
    delete from ls.task_feature_set where task_id = any (v_tasks);
    delete from ls.task where task_id = any (v_tasks);
    get diagnostics v_count = row_count;
    -- The archive has no index by feature set: this reads it all when the user had any.
    delete from ls.task_archive where ranker_id = any (v_rankers);
    get diagnostics v_archived = row_count; v_count := v_count + v_archived;
    if cardinality(v_sets) > 0 then
        delete from ls.task_archive where feature_set_ids && v_sets or version_id = any (v_versions) or initial_version_id = any (v_versions);
        get diagnostics v_archived = row_count; v_count := v_count + v_archived;
    end if;
    v_counts := v_counts || v_count;
    delete from ls.decision where user_name = p_user or version_id = any (v_versions);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.promotion_wait where version_id = any (v_versions);
    -- Who waits for their figures waits for nobody now: ls.settle_promotions finds out who is next.
    insert into ls.promotion_wait (version_id, incumbent_version_id)
    select distinct w.version_id, w.version_id from ls.promotion_wait w where w.incumbent_version_id = any (v_versions)
    on conflict do nothing;
    delete from ls.promotion_wait where incumbent_version_id = any (v_versions);
    delete from ls.exemption where ranker_id = any (v_rankers) or user_name = p_user or version_id = any (v_versions);
    update ls.promotion_stratum set user_name = null where user_name = p_user;
    delete from ls.promotion_decision where version_id in (select version_id from ls.ranker_version where ranker_id = any (v_rankers));
    -- What was decided stays, not what those versions picked.
    update ls.promotion_decision set version_values = null where version_id = any (v_versions);
    update ls.promotion_decision set incumbent_values = null, incumbent_version_id = (select v.version_id from ls.ranker_version v
        where v.version_id = incumbent_version_id and v.ranker_id <> all (v_rankers))
    where incumbent_version_id = any (v_versions);
    update ls.promotion_decision set incumbent_values = null where incumbent_version_ids && v_versions;
    delete from ls.ranker_alias where ranker_id = any (v_rankers);
    delete from ls.alias_history where ranker_id = any (v_rankers);
    delete from ls.ranker_version where ranker_id = any (v_rankers);
    delete from ls.ranker where ranker_id = any (v_rankers);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.home_weights h where h.digest = any (v_digests) and not exists (
        select from ls.ranker_version v join ls.ranker r using (ranker_id) where v.digest = h.digest and r.home_worker_id = h.worker_id);
    delete from ls.ranker_weights w where w.digest = any (v_digests)
        and not exists (select from ls.ranker_version v where v.digest = w.digest);
    get diagnostics v_count = row_count;
    update ls.ranker_weights w set bytes = null,
        byte_count = coalesce((select min(h.byte_count) from ls.home_weights h where h.digest = w.digest), 1)
    where w.digest = any (v_digests) and w.bytes is not null and not exists (
        select from ls.ranker_version v join ls.ranker r using (ranker_id) where v.digest = w.digest and r.home_worker_id is null);
    get diagnostics v_emptied = row_count; v_counts := v_counts || (v_count + v_emptied);
    delete from ls.feature_chunk where feature_set_id = any (v_sets);
    delete from ls.query where feature_set_id = any (v_sets);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.feature_set where feature_set_id = any (v_sets);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;

    -- Who is let in, and what is served to whom.
    for v_key in select api_key_id, name, users, revoked_at from ls.api_key where p_user = any (users) order by api_key_id for update loop
        update ls.api_key set users = array_remove(users, p_user) where api_key_id = v_key.api_key_id;
        continue when cardinality(array_remove(v_key.users, p_user)) > 0;
        update ls.api_key set name = 'forgotten-' || api_key_id, revoked_at = coalesce(revoked_at, clock_timestamp()),
            revoked_by = coalesce(revoked_by, v_by, session_user), revoked_because = coalesce(revoked_because, 'its user was forgotten')
        where api_key_id = v_key.api_key_id;
        -- The name it had may be the user's: in the log, too.
        update ls.audit_log set subject = 'forgotten-' || v_key.api_key_id where subject = v_key.name and action in ('create api key', 'revoke api key');
        if v_key.revoked_at is null then
            perform ls.record_audit(v_by, 'revoke api key', 'forgotten-' || v_key.api_key_id, 'its user was forgotten');
        end if;
    end loop;
    for v_key in delete from ls.route_rule where user_name = p_user
            or substring(target from '^[^:@]+') in (select unnest(v_names))
        returning name
    loop
        perform ls.record_audit(v_by, 'remove route rule', v_key.name, 'a user was forgotten');
    end loop;
    update ls.join_token set expires_at = least(expires_at, clock_timestamp()) where used_at is null and labels ->> 'user' = p_user;
    update ls.join_token set labels = case labels ->> 'user' when p_user then labels - 'user' else jsonb_set(labels, '{user}',
        to_jsonb(array_to_string(array_remove(string_to_array(labels ->> 'user', ','), p_user), ','))) end
    where p_user = any (string_to_array(labels ->> 'user', ','));
    update ls.worker set labels = case labels ->> 'user' when p_user then labels - 'user' else jsonb_set(labels, '{user}',
        to_jsonb(array_to_string(array_remove(string_to_array(labels ->> 'user', ','), p_user), ','))) end
    where p_user = any (string_to_array(labels ->> 'user', ','));
    delete from ls.tag where key = p_user;

    -- Every text.
    -- A ranker's name has none of these characters.
    update ls.audit_log a set subject = '(forgotten)' || substr(a.subject, length(n.name) + 1)
    from unnest(v_names) n (name) where a.action <> 'forget user'
        and substring(a.subject from '^[^:@ ]+') = n.name;
    v_kept := ls.names_with(p_user);
    -- What is counted by actor is counted together.
    with gone as (
        delete from ls.event_day e where position(p_user in e.actor) > 0 and ls.without_name(e.actor, p_user, v_kept) <> e.actor returning *)
    insert into ls.event_day as e (actor, action, day, count, first_at, last_at)
    select ls.without_name(g.actor, p_user, v_kept), g.action, g.day, sum(g.count), min(g.first_at), max(g.last_at) from gone g group by 1, 2, 3
    on conflict (actor, action, day) do update set count = e.count + excluded.count,
        first_at = least(e.first_at, excluded.first_at), last_at = greatest(e.last_at, excluded.last_at);
    get diagnostics v_texts = row_count;
    -- A process and a place are digests and numbers of lsworker's; whatever else stands there is a worker's own and told apart no more.
    update ls.worker_presence p set instance = case when ls.without_name(p.instance, p_user) = p.instance or p.instance ~ c_ours then p.instance end,
        place = case when ls.without_name(p.place, p_user) = p.place or p.place ~ c_ours then p.place end,
        replaced_instances = array(select i.name from unnest(p.replaced_instances) with ordinality i (name, ordinal)
            where ls.without_name(i.name, p_user) = i.name or i.name ~ c_ours order by i.ordinal),
        domains = case when p.domains is not null then array(select ls.without_name(d.name, p_user, v_kept)
            from unnest(p.domains) with ordinality d (name, ordinal) order by d.ordinal) end
    where position(p_user in concat_ws(' ', instance, place, array_to_string(domains, ' '), array_to_string(replaced_instances, ' '))) > 0;
    for v_text in
        select f.relation, f.column_name, format_type(a.atttypid, null) as type from ls.free_texts() f
            join pg_attribute a on a.attrelid = ('ls.' || f.relation)::regclass and a.attname = f.column_name
        order by f.relation, f.column_name
    loop
        execute format('update ls.%1$I t set %2$I = n.text from (select ctid as place, tableoid as part, ls.%3$I(%2$I, $1, $2) as text '
            'from ls.%1$I where position($3 in %2$I::text) > 0) n where t.ctid = n.place and t.tableoid = n.part and t.%2$I is distinct from n.text%4$s',
            v_text.relation, v_text.column_name, case v_text.type when 'jsonb' then 'json_without_name' else 'without_name' end,
            -- By these digits ls.record_decisions knows who was forgotten.
            case when v_text.relation = 'audit_log' and v_text.column_name = 'subject' then ' and t.action <> ''forget user''' else '' end)
        -- As it stands in JSON: quotes and backslashes are written otherwise there.
        using p_user, v_kept, case v_text.type when 'jsonb' then substr(to_jsonb(p_user)::text, 2, length(to_jsonb(p_user)::text) - 2) else p_user end;
        get diagnostics v_count = row_count; v_texts := v_texts + v_count;
    end loop;
    perform set_config('ls.forgetting', '', true);
    v_reason := ls.without_name(p_reason, p_user, v_kept);

    perform ls.record_audit(v_by, 'forget user', 'user ' || ls.short_digest(sha256(convert_to(p_user, 'UTF8'))), v_reason);
    perform pg_notify('ls_alias', ''), pg_notify('ls_route', ''), pg_notify('ls_key', ''), pg_notify('ls_forget', left(p_user, 1000));
    return query
        select k.what, k.count from (values (1, 'feature sets', v_counts[8]), (2, 'queries', v_counts[7]), (3, 'rankers', v_counts[5]),
            (4, 'versions', v_counts[2]), (5, 'weights', v_counts[6]), (6, 'evaluations', v_counts[1]), (7, 'tasks', v_counts[3]),
            (8, 'decisions', v_counts[4]), (9, 'mentions', v_texts)) k (place, what, count)
        order by k.place;
end
$$;
comment on function ls.forget_user(text, text, text) is
    'Deletes a user''s feature sets, rankers, every version derived from them and the tasks that touched them, '
    'and returns how many of each; repeating it returns zeros. Shared aliases go back to a version that did not learn from the user. The user is removed from keys, rules and labels, and the name from every text that people wrote. Refuses an empty name or reason (LS001).';
