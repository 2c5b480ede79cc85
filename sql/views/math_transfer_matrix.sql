-- ls.math_transfer_matrix: the 7x7 of Table 6, for reading: accuracy in percent and, in brackets, the
-- difference from the column's own ranker. Below the seven: the ranker of all of math, and per column
-- what needs no ranker: first sample, most frequent answer (majority), best possible (oracle). The
-- standard errors are in ls.transfer_matrix. The matrix of the gate's own configuration comes first;
-- figures of a scaling curve, where nobody is measured on another's domain, are no matrix.
create or replace view ls.math_transfer_matrix as
with matrix as (
    select t.* from ls.transfer_matrix t
    where (t.source_domain = 'math' or starts_with(t.source_domain, 'math/'))
        and (t.configuration = ls.default_evaluation_configuration() or exists (
            select from ls.transfer_matrix o
            where o.base_model = t.base_model and o.kind = t.kind and o.configuration = t.configuration
                and starts_with(o.source_domain, 'math/') and o.target_domain <> o.source_domain))),
cell as (
    select base_model, configuration, kind, source_ranker as source,
        coalesce(array_position(array['math/prealgebra', 'math/algebra', 'math/number_theory', 'math/counting_and_probability',
            'math/geometry', 'math/intermediate_algebra', 'math/precalculus'], source_domain), 8) as position,
        target_domain, to_char(100 * accuracy, 'FM990.0') || coalesce(' (' || to_char(100 * difference, 'FMSG990.0') || ')', '') as figure
    from matrix
    union all
    select distinct base_model, configuration, kind, line.name, line.position, target_domain, to_char(100 * line.value, 'FM990.0')
    from matrix,
        lateral (values ('first sample', 9, first_sample), ('majority', 10, majority), ('oracle', 11, oracle)) line (name, position, value)
    where line.value is not null)
select base_model, kind, source,
    max(figure) filter (where target_domain = 'math/prealgebra') as "PA",
    max(figure) filter (where target_domain = 'math/algebra') as "A",
    max(figure) filter (where target_domain = 'math/number_theory') as "NT",
    max(figure) filter (where target_domain = 'math/counting_and_probability') as "CP",
    max(figure) filter (where target_domain = 'math/geometry') as "G",
    max(figure) filter (where target_domain = 'math/intermediate_algebra') as "IA",
    max(figure) filter (where target_domain = 'math/precalculus') as "PC",
    configuration
from cell
group by base_model, configuration, kind, position, source
order by base_model, configuration <> ls.default_evaluation_configuration(), configuration, kind, position, source;
comment on view ls.math_transfer_matrix is 'The transfer matrix of the seven MATH subjects in the form of the paper''s Table 6.';
