-- ls.log_sums(differences) -> what five bets of fixed size have won on paired differences: for each of the bets
-- 0.9, 0.6, 0.4, 0.2 and 0.1 the sum of ln(1 + bet d). (E15)
-- A difference is the reward of a version minus that of its incumbent on one query, -1 to 1; for "worse" it is taken
-- with the other sign, for "not worse by more than m" it is (d + m) / (1 + m). Sums of disjoint queries add up, in any
-- order; ls.log_e makes one number of them. Nothing and null count as no difference; one out of range is refused (LS001).
-- Called by: an analyst. The gate has ls.weigh, which says the same of whole decisions.
create or replace function ls.log_sums(p_differences double precision[])
returns double precision[]
language plpgsql immutable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_sums double precision[];
    v_is_beyond boolean;
begin
    -- Queries on which both are the same are most of them and add nothing; equal differences are weighed once. One that is beyond is
    -- refused below, and must not get as far as the logarithm.
    select array[coalesce(sum(n * ln(1 + 0.9 * x)), 0), coalesce(sum(n * ln(1 + 0.6 * x)), 0), coalesce(sum(n * ln(1 + 0.4 * x)), 0),
            coalesce(sum(n * ln(1 + 0.2 * x)), 0), coalesce(sum(n * ln(1 + 0.1 * x)), 0)], coalesce(bool_or(abs(d) > 1), false)
    into v_sums, v_is_beyond
    from (select d, case when abs(d) > 1 then 0 else d end as x, count(*) as n from unnest(p_differences) d where d <> 0 group by d) c;
    if v_is_beyond then
        perform ls.refuse('LS001', 'cannot weigh differences: found one below -1 or above 1',
            'rewards are 0 to 1; divide scores by the width of their range');
    end if;
    return v_sums;
end
$$;
comment on function ls.log_sums(double precision[]) is
    'What five bets have won on paired differences from -1 to 1: the sums of ln(1 + bet d), which add up over disjoint '
    'queries. Refuses a difference out of range (LS001).';
