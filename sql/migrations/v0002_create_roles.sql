-- The four roles of DESIGN section 4. Roles belong to the whole cluster, not to this database:
-- other databases may be creating them at this very moment, and the migrating user may not be
-- allowed to. Neither is a reason to fail: grant_privileges.sql grants to the roles that exist.
do $$
declare
    v_role text;
begin
    foreach v_role in array array['ls_reader', 'ls_operator', 'ls_admin', 'ls_service'] loop
        begin
            if not exists (select from pg_roles where rolname = v_role) then
                execute format('create role %I nologin', v_role);
            end if;
        exception
            when duplicate_object or unique_violation then null;
            when insufficient_privilege then
                raise notice 'role % was not created: % may not create roles', v_role, current_user;
        end;
    end loop;
end
$$;
