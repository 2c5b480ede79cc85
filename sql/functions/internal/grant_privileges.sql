-- Who may do what (DESIGN section 4), applied at every migration, last, after every function and view: a
-- role may be younger than the schema. Tables are private and functions start closed. Readers see the views;
-- operators also ask for work and promote; admins also register, enrol and revoke; ls_service is lscoord itself.
-- Roles that could not be created (see v0002_create_roles) are left out. What the four were allowed before is
-- taken back first, because functions stay over a release; what was granted to other roles is not touched.
do $$
declare
    v_readers text[] := array['route', 'route_plan', 'is_connected', 'share_bucket',
        'request_bucket', 'rule_version', 'base_model_contract', 'resolve', 'task_progress', 'open_tasks',
        'status_summary', 'default_evaluation_configuration',
        'domain_matches', 'domain_matches_any', 'domain_is_within', 'standing_version', 'short_digest', 'current_feature_sets', 'paper_grid', 'broken_rules',
        'default_ranker_configuration', 'default_training_configuration', 'wait_for_tasks',
        'judge', 'words_of_judgement', 'incumbent', 'log_sums', 'log_e', 'claims_that_hold', 'words_of_e', 'points', 'exemption_holds'];
    v_operators text[] := array['request_training', 'request_evaluation', 'request_transfer_matrix', 'request_sweep',
        'request_scaling_curve', 'request_matrix', 'set_tag', 'remove_tag', 'add_note',
        'set_alias', 'remove_alias', 'promote', 'rollback', 'consider_promotion', 'set_promotion_policy', 'reopen_evaluation_check',
        'cancel_task', 'redrive', 'add_route_rule', 'remove_route_rule', 'place_ranker', 'unplace_ranker'];
    v_admins text[] := array['register_base_model', 'register_domain', 'register_ranker', 'add_version', 'import_feature_file',
        'drop_feature_set',
        'create_join_token', 'revoke_worker', 'release_worker', 'forget_user', 'set_task_limits', 'set_retention', 'set_check_policy',
        'create_api_key', 'revoke_api_key', 'set_canary', 'read_decision',
        'authority_status', 'rotate_certificate_authority', 'retire_certificate_authority'];
    v_grant record;
    v_relations text;
    v_views text;
    v_routines text;
    v_roles text;
begin
    -- Kept by the migrator, described here with the rest.
    if to_regclass('ls.schema_migration') is not null and to_regclass('ls.schema_files') is not null then
        comment on table ls.schema_migration is 'The migrations that were applied, with the checksum of each.';
        comment on table ls.schema_files is 'The checksum of all functions and views at their last application.';
    end if;
    if to_regclass('ls.schema_object') is not null then
        comment on table ls.schema_object is 'The functions, procedures and views that the last migration made; one that is gone from the next release is dropped.';
    end if;
    -- What somebody else made in schema ls is theirs to open and to close.
    select string_agg(c.oid::regclass::text, ', '), string_agg(c.oid::regclass::text, ', ') filter (where c.relkind = 'v')
    into v_relations, v_views
    from pg_class c
    where c.relnamespace = 'ls'::regnamespace and c.relkind in ('r', 'p', 'v') and pg_has_role(c.relowner, 'usage');
    select string_agg(p.oid::regprocedure::text, ', ') into v_routines
    from pg_proc p
    where p.pronamespace = 'ls'::regnamespace and p.prokind in ('f', 'p') and pg_has_role(p.proowner, 'usage');
    select string_agg(format('%I', r.rolname), ', ') into v_roles
    from pg_roles r where r.rolname in ('ls_reader', 'ls_operator', 'ls_admin', 'ls_service');
    begin
        execute format('revoke all on %s from public%s', v_relations, ', ' || v_roles);
        execute format('revoke all on routine %s from public%s', v_routines, ', ' || v_roles);
    exception when dependent_objects_still_exist then
        -- An admin gave one of the four a right to pass on, and it was: that one stays, and is named.
        for v_grant in
            select 'table' as kind, c.oid::regclass::text as name from pg_class c
            where c.relnamespace = 'ls'::regnamespace and c.relkind in ('r', 'p', 'v') and pg_has_role(c.relowner, 'usage')
            union all
            select 'routine', p.oid::regprocedure::text from pg_proc p
            where p.pronamespace = 'ls'::regnamespace and p.prokind in ('f', 'p') and pg_has_role(p.proowner, 'usage')
        loop
            begin
                execute format('revoke all on %s %s from public%s', v_grant.kind, v_grant.name, ', ' || v_roles);
            exception when dependent_objects_still_exist then
                raise warning 'rights on % % were passed on by one of ls_reader, ls_operator, ls_admin, ls_service: they stay', v_grant.kind, v_grant.name;
            end;
        end loop;
    end;
    for v_grant in
        select r.rolname, r.rolname = 'ls_service' as everything,
            v_readers || case when r.rolname in ('ls_operator', 'ls_admin') then v_operators else '{}' end
                || case when r.rolname = 'ls_admin' then v_admins else '{}' end as functions
        from pg_roles r where r.rolname in ('ls_reader', 'ls_operator', 'ls_admin', 'ls_service')
    loop
        execute format('grant usage on schema ls to %I', v_grant.rolname);
        execute format('grant select on %s to %I', v_views, v_grant.rolname);
        select string_agg(p.oid::regprocedure::text, ', ') into v_routines
        from pg_proc p
        where p.pronamespace = 'ls'::regnamespace and p.prokind in ('f', 'p') and pg_has_role(p.proowner, 'usage')
            and (p.proname = any (v_grant.functions) or (v_grant.everything and p.prosecdef));
        execute format('grant execute on routine %s to %I', v_routines, v_grant.rolname);
        if v_grant.everything then  -- an import is a COPY, and lscoord checks the schema's version
            execute format('grant select, insert on ls.feature_chunk, ls.query to %I', v_grant.rolname);
            if to_regclass('ls.schema_migration') is not null and to_regclass('ls.schema_files') is not null then
                execute format('grant select on ls.schema_migration, ls.schema_files to %I', v_grant.rolname);
            end if;
        end if;
    end loop;
end
$$;
