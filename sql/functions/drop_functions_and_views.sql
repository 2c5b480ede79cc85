-- Applied first at each deploy: takes away every function and view of the schema, in the transaction that
-- then creates them all anew. So a function may change its arguments or result, and one that is gone
-- from sql/functions is gone from the database; no older overload stays behind to be called by mistake.
-- Trigger functions stay and are replaced in place: dropping one would lock its table against
-- coordinators that are at work.
set local check_function_bodies = off;  -- functions name each other in any order

do $$
declare
    v_oid oid;
begin
    -- One may have gone with another that it depends on: each is looked up when its turn comes.
    for v_oid in
        select c.oid from pg_class c where c.relnamespace = 'ls'::regnamespace and c.relkind = 'v'
    loop
        if exists (select from pg_class where oid = v_oid) then
            execute format('drop view %s cascade', v_oid::regclass);
        end if;
    end loop;
    for v_oid in
        select p.oid from pg_proc p where p.pronamespace = 'ls'::regnamespace and p.prokind in ('f', 'p') and p.prorettype <> 'trigger'::regtype
    loop
        if exists (select from pg_proc where oid = v_oid) then
            execute format('drop routine %s cascade', v_oid::regprocedure);
        end if;
    end loop;
end
$$;
