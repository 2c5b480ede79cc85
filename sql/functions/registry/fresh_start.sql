-- ls.fresh_start(configuration, kind) -> a training configuration as workers get it: start "incumbent" is decided here, by the first
-- weights of the task; without these a training starts as the presets of its kind were measured.
-- Called by: lease_tasks, sweep_configurations.
create or replace function ls.fresh_start(p_configuration jsonb, p_kind text)
returns jsonb
language sql immutable parallel safe
as $$
    select case when p_configuration ->> 'start' = 'incumbent'
        then p_configuration || '{"start": "standardised"}'
        else p_configuration end;
$$;
comment on function ls.fresh_start(jsonb, text) is
    'A training configuration whose start "incumbent" is replaced by that of fresh weights of the kind.';
