-- ls.paper_grid(kind) -> the 40 training configurations of the paper's Table 8, in a fixed order.
-- Batch 256 and 1024; SGD 0.05 0.1 0.5 1.0 with momentum 0 and 0.9, AdamW 1e-5 1e-4; constant and
-- cosine; one epoch, weight decay 1e-4, temperature 1, 100 groups of 10 candidates a query.
-- The same list as TrainingConfiguration.paperGrid(kind:) in Swift; a test compares the two.
-- Called by: sweep_configurations, an operator.
create or replace function ls.paper_grid(p_kind text)
returns jsonb
language sql immutable
as $$
    select jsonb_agg(jsonb_build_object(
            'loss', case p_kind when 'listwise' then 'list_kl' else 'point_bce' end,
            'temperature', 1, 'batch_groups', b.groups, 'groups_per_query', 100, 'candidate_count', 10, 'epochs', 1,
            'seed', 1, 'start', 'uniform',
            'optimizer', jsonb_build_object('name', o.name, 'lr', trim_scale(o.rate), 'momentum', trim_scale(o.momentum),
                'betas', '[0.9, 0.999]'::jsonb, 'eps', 0.00000001, 'weight_decay', 0.0001, 'schedule', s.name))
        order by b.place, o.place, s.place)
    from unnest(array[256, 1024]) with ordinality b (groups, place),
        (values (1, 'sgd', 0.05, 0.0), (2, 'sgd', 0.05, 0.9), (3, 'sgd', 0.1, 0.0), (4, 'sgd', 0.1, 0.9),
            (5, 'sgd', 0.5, 0.0), (6, 'sgd', 0.5, 0.9), (7, 'sgd', 1.0, 0.0), (8, 'sgd', 1.0, 0.9),
            (9, 'adamw', 0.00001, 0.0), (10, 'adamw', 0.0001, 0.0)) o (place, name, rate, momentum),
        unnest(array['constant', 'cosine']) with ordinality s (name, place);
$$;
comment on function ls.paper_grid(text) is
    'The 40 training configurations of the paper''s Table 8 for a kind of ranker, as a JSON list in a fixed order.';
