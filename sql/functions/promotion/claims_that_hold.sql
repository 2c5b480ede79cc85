-- ls.claims_that_hold(log_e, rate) -> the places, from 1, of the claims that hold together: e-BH. (E16)
-- Of m claims the k of most evidence, for the greatest k whose least e-value is m / (k rate) or more: of those named a
-- share of at most rate is wrong on average, whatever the claims have to do with one another.
-- Called by: judge, an analyst.
create or replace function ls.claims_that_hold(p_log_e double precision[], p_rate double precision)
returns integer[]
language plpgsql immutable parallel safe
as $$
begin
    if not coalesce(p_rate > 0 and p_rate <= 1, false) then
        perform ls.refuse('LS001', format('cannot weigh claims: found rate %s, expected more than 0 and at most 1', coalesce(p_rate::text, 'null')));
    end if;
    return (
        with ranked as (
            select place, log_e, row_number() over (order by log_e desc, place) as k, count(*) over () as m
            from unnest(p_log_e) with ordinality c (log_e, place)
        )
        select coalesce(array_agg(place::integer order by place), '{}') from ranked
        where k <= (select max(k) from ranked where log_e >= ln(m / (k * p_rate))));
end
$$;
comment on function ls.claims_that_hold(double precision[], double precision) is
    'The places of the claims that hold together by e-BH, so that a share of at most the rate is wrong on average. Refuses a rate outside of 0 to 1 (LS001).';
