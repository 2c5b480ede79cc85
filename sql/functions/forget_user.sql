-- ls.forget_user(user, reason, by) -> what was deleted, and how many of each.
-- Deletes what came from one user, in one transaction: the user's feature sets with their bytes, requests of which the
-- decision was kept, the user's rankers with all versions, and every version of any other ranker that learned from those features or
-- descends from such a version, with its weights, figures and tasks. A shared ranker's alias that named such a
-- version goes back to the last one that did not learn from the user, or is taken away. Of a deleted version of a
-- shared ranker its number stays, so that numbers never mean two things. Work under way on any of it is lost: its
-- leases answer `lost`. Blocked tasks that needed it are cancelled. In the audit log the names of the user's
-- rankers are overwritten; that somebody was forgotten, when, why and by whom stays, under the first
-- digits of the SHA-256 of the user's name. Again, or for a user nobody has heard of: zeros.
-- Copies on workers' disks are no longer named by anything and leave with the cache's limit. What is at home with a
-- worker is the user's own to delete; a worker that goes on offering it is revoked, or its set comes back.
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
    v_sweeps bigint[];
    v_digests bytea[];
    v_archived bigint;
    v_id bigint;
    v_alias record;
    v_clean bigint;
    v_counts bigint[] := array[]::bigint[];
    v_count bigint;
begin
    if coalesce(p_user, '') = '' or coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', 'cannot forget a user: a name and a reason are needed');
    end if;
    select coalesce(array_agg(feature_set_id), '{}') into v_sets from ls.feature_set where user_name = p_user;
    select coalesce(array_agg(ranker_id), '{}'), coalesce(array_agg(name), '{}') into v_rankers, v_names
    from ls.ranker where user_name = p_user;
    -- Twice: what was under way when we looked may have ended before it was locked.
    for v_round in 1 .. 2 loop
        with recursive derived as (
            select v.version_id from ls.ranker_version v where v.ranker_id = any (v_rankers)
            union
            select f.version_id from ls.version_feature_set f where f.feature_set_id = any (v_sets)
            union
            select c.version_id from derived d join ls.ranker_version c on c.parent_version_id = d.version_id)
        select coalesce(array_agg(version_id), '{}') into v_versions from derived;
        select coalesce(array_agg(task_id order by task_id), '{}') into v_tasks from (
            select task_id from ls.task where ranker_id = any (v_rankers)
            union select task_id from ls.task_feature_set where feature_set_id = any (v_sets)
            union select t.task_id from ls.ranker_version v join ls.task t using (ranker_id, version_id) where v.version_id = any (v_versions)
            union select task_id from ls.task where initial_version_id = any (v_versions)
            union select task_id from ls.attempt where version_id = any (v_versions)) t;
        perform from ls.task where task_id = any (v_tasks) order by task_id for update;
        perform from ls.ranker where ranker_id = any (v_rankers)
            or ranker_id in (select ranker_id from ls.ranker_version where version_id = any (v_versions))
        order by ranker_id for update;
        -- From here no new task can name them.
        perform from ls.feature_set where feature_set_id = any (v_sets) order by feature_set_id for update;
    end loop;

    -- What others still expect of this.
    foreach v_id in array v_tasks loop
        perform ls.cancel_dependents(v_id, p_by);
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
            perform ls.remove_alias(v_alias.name, v_alias.alias, 'a user was forgotten', p_by);
        else
            perform ls.set_alias(v_clean, v_alias.alias, 'a user was forgotten', p_by, true);
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
    delete from ls.promotion_decision where version_id in (select version_id from ls.ranker_version where ranker_id = any (v_rankers));
    delete from ls.ranker_alias where ranker_id = any (v_rankers);
    delete from ls.alias_history where ranker_id = any (v_rankers);
    delete from ls.ranker_version where ranker_id = any (v_rankers);
    delete from ls.ranker where ranker_id = any (v_rankers);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.home_weights h where h.digest = any (v_digests) and not exists (
        select from ls.ranker_version v join ls.ranker r using (ranker_id) where v.digest = h.digest and r.home_worker_id = h.worker_id);
    delete from ls.ranker_weights w where w.digest = any (v_digests)
        and not exists (select from ls.ranker_version v where v.digest = w.digest);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.feature_chunk where feature_set_id = any (v_sets);
    delete from ls.query where feature_set_id = any (v_sets);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    delete from ls.feature_set where feature_set_id = any (v_sets);
    get diagnostics v_count = row_count; v_counts := v_counts || v_count;
    update ls.audit_log a set subject = replace(a.subject, n.name, '(forgotten)')
    from unnest(v_names) n (name) where position(n.name in a.subject) > 0;
    perform set_config('ls.forgetting', '', true);

    perform ls.record_audit(p_by, 'forget user', 'user ' || ls.short_digest(sha256(convert_to(p_user, 'UTF8'))), p_reason);
    perform pg_notify('ls_alias', '');
    return query
        select k.what, v_counts[k.place] from (values (8, 'feature sets'), (7, 'queries'), (5, 'rankers'), (2, 'versions'),
            (6, 'weights'), (1, 'evaluations'), (3, 'tasks'), (4, 'decisions')) k (place, what);
end
$$;
comment on function ls.forget_user(text, text, text) is
    'Deletes a user''s feature sets, rankers, every version derived from them and the tasks that touched them, '
    'and returns how many of each; again, zeros. Shared aliases go back to a version that did not learn from the user. Refuses an '
    'empty name or reason (LS001).';
