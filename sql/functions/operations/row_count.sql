-- ls.row_count(table, condition) -> how many rows it has (of those that meet the condition; the estimate is of all): counted up to 1,000, beyond that what the planner believes
-- (right to a few per cent once autovacuum has been there), so that asking costs the same at any size.
-- Called by: status_summary.
create or replace function ls.row_count(p_table regclass, p_condition text default 'true')
returns bigint
language plpgsql stable
as $$
declare
    v_count bigint;
begin
    execute format('select count(*) from (select from %s where %s limit 1001) few', p_table, p_condition) into v_count;
    if v_count > 1000 then
        select greatest(v_count, reltuples::bigint) into v_count from pg_class where oid = p_table;
    end if;
    return v_count;
end
$$;
comment on function ls.row_count(regclass, text) is 'The number of rows of a table: exact up to 1,000, an estimate beyond.';
