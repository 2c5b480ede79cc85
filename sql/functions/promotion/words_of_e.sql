-- ls.words_of_e(log_e) -> an e-value as people read it: 0.43, 18.2, 312, 10^13. Cut off, not rounded: what is not 20 does not read 20.
-- Called by: words_of_judgement, view promotion_status.
create or replace function ls.words_of_e(p_log_e double precision)
returns text
language sql immutable
as $$
    select case when p_log_e >= ln(1e6) then '10^' || floor(p_log_e / ln(10::double precision))
        when p_log_e < ln(0.01) then 'less than 0.01'
        else trim_scale(trunc(exp(p_log_e)::numeric, case when p_log_e < ln(10::double precision) then 2
            when p_log_e < ln(100::double precision) then 1 else 0 end))::text end;
$$;
comment on function ls.words_of_e(double precision) is 'An e-value, given as its natural logarithm, as people read it.';
