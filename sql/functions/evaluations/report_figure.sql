-- ls.report_figure(report, key, is_fraction, is_optional) -> the figure, checked: a number, in [0, 1]
-- for a fraction, else of size ls.magnitude_max() or less, as the labels it is made of, and not so near to 0 that no
-- double tells it from 0. Anything else is refused (LS001); JSON has no NaN, and the word "NaN" is no number.
-- Called by: insert_evaluation.
create or replace function ls.report_figure(p_report jsonb, p_key text, p_is_fraction boolean, p_is_optional boolean default false)
returns double precision
language plpgsql immutable
as $$
declare
    v_value jsonb := p_report -> p_key;
    v_figure numeric;
begin
    if p_is_optional and coalesce(jsonb_typeof(v_value), 'null') = 'null' then
        return null;
    end if;
    if jsonb_typeof(v_value) is distinct from 'number' then
        perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, expected a number',
            p_key, coalesce(left(v_value::text, 40), 'missing')));
    end if;
    v_figure := v_value::numeric;
    if (p_is_fraction and v_figure not between 0 and 1) or abs(v_figure) > ls.magnitude_max()::numeric then
        perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, expected %s', p_key, left(v_figure::text, 40),
            case when p_is_fraction then '0 to 1' else 'a number of size ' || ls.magnitude_max() || ' or less' end));
    end if;
    if v_figure <> 0 and abs(v_figure) < 1e-300 then
        perform ls.refuse('LS001', format('cannot take an evaluation: found %s %s, expected 0 or a number of size 1e-300 or more',
            p_key, left(p_report ->> p_key, 40)));
    end if;
    return v_figure::double precision;
end
$$;
comment on function ls.report_figure(jsonb, text, boolean, boolean) is 'One checked figure of an evaluation report.';
