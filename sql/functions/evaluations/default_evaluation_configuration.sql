-- ls.default_evaluation_configuration() -> EvaluationConfiguration as JSON: how versions are measured
-- when nobody says otherwise. The promotion gate and the transfer matrix compare only figures of one
-- configuration (same K, same seed, so the same groups).
-- Called by: request_evaluation, request_transfer_matrix.
create or replace function ls.default_evaluation_configuration()
returns jsonb
language sql immutable
return '{"candidate_count": 10, "groups_per_query": 20, "seed": 1}'::jsonb;
comment on function ls.default_evaluation_configuration() is
    'The default evaluation configuration as JSON: K, groups per query and seed. The promotion gate '
    'compares only figures of this configuration.';
