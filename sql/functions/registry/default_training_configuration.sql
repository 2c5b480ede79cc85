-- ls.default_training_configuration(kind) -> TrainingConfiguration as JSON: how rankers of a kind are trained
-- when nobody says otherwise (the page Decisions of Rankers has the figures). The same as
-- TrainingConfiguration.preset(kind:) in Swift; a test compares the two.
-- Called by: register_ranker, an admin: ls.default_training_configuration('listwise') || '{"epochs": 2}'.
create or replace function ls.default_training_configuration(p_kind text)
returns jsonb
language plpgsql immutable
as $$
begin
    if p_kind is null or p_kind not in ('listwise', 'pointwise') then
        perform ls.refuse('LS001', format('cannot configure a training: found kind ''%s'', expected listwise or pointwise', left(p_kind, 80)));
    end if;
    return case p_kind
        when 'listwise' then '{"loss": "list_kl", "temperature": 2, "batch_groups": 64, "groups_per_query": 100, "candidate_count": 10,
            "epochs": 1, "seed": 1, "start": "incumbent", "optimizer": {"name": "sgd", "lr": 0.25, "momentum": 0, "betas": [0.9, 0.999],
            "eps": 0.00000001, "weight_decay": 0.0001, "schedule": "cosine"}}'::jsonb
        else '{"loss": "point_bce", "temperature": 2, "batch_groups": 32, "groups_per_query": 60, "candidate_count": 8,
            "epochs": 1, "seed": 1, "start": "incumbent", "optimizer": {"name": "adamw", "lr": 0.003, "momentum": 0, "betas": [0.9, 0.999],
            "eps": 0.00000001, "weight_decay": 0.0001, "schedule": "cosine"}}'::jsonb end;
end
$$;
comment on function ls.default_training_configuration(text) is
    'The training configuration that a ranker of a kind gets when none is given; add keys with ||. Refuses an unknown kind '
    '(LS001).';
