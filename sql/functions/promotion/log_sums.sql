-- ls.log_sums(differences) -> what five bets of fixed size have won on paired differences: for each of the bets
-- 0.9, 0.6, 0.4, 0.2 and 0.1 the sum of ln(1 + bet d). (E15)
-- A difference is the reward of a version minus that of its incumbent on one query, -1 to 1; for "worse" it is taken
-- with the other sign, for "not worse by more than m" it is (d + m) / (1 + m). Sums of disjoint queries add up, in any
-- order; ls.log_e makes one number of them. Nothing and null count as no difference; one out of range is refused (LS001).
-- Called by: judge, broken_rules, an analyst.
create or replace function ls.log_sums(p_differences double precision[])
returns double precision[]
language plpgsql immutable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_sums double precision[];
begin
    -- Queries on which both are the same are most of them and add nothing.
    select array[coalesce(sum(ln(1 + 0.9 * d)), 0), coalesce(sum(ln(1 + 0.6 * d)), 0), coalesce(sum(ln(1 + 0.4 * d)), 0),
        coalesce(sum(ln(1 + 0.2 * d)), 0), coalesce(sum(ln(1 + 0.1 * d)), 0)] into v_sums
    from unnest(p_differences) d where d <> 0 and abs(d) <= 1;
    if exists (select from unnest(p_differences) d where abs(d) > 1) then
        perform ls.refuse('LS001', 'cannot weigh differences: found one below -1 or above 1',
            'rewards are 0 to 1; divide scores by the width of their range');
    end if;
    return v_sums;
end
$$;
comment on function ls.log_sums(double precision[]) is
    'What five bets have won on paired differences from -1 to 1: the sums of ln(1 + bet d), which add up over disjoint '
    'queries. Refuses a difference out of range (LS001).';
