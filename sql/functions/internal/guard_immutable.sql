-- Trigger of tables whose rows never change once written: weights, versions, evaluations, history. Only
-- ls.forget_user may, and says so for its transaction. Weights of which only the digest was known may get their bytes, once.
create or replace function ls.guard_immutable()
returns trigger
language plpgsql
as $$
begin
    if current_setting('ls.forgetting', true) = 'on' then
        return case tg_op when 'DELETE' then old else new end;
    end if;
    if tg_table_name = 'ranker_weights' then
        if old.bytes is null and new.digest = old.digest and sha256(new.bytes) = old.digest then
            return new;
        end if;
    end if;
    perform ls.refuse('LS021', format('cannot change a row of ls.%s: its rows are immutable', tg_table_name),
        'add a new one');
    return null;
end
$$;
comment on function ls.guard_immutable() is 'Trigger: refuses to change a row that is immutable.';
do $$
declare
    v_trigger record;
begin
    for v_trigger in
        select t.* from (values
            ('ls.ranker_weights'::regclass, 'ranker_weights_never_change', 'update'),
            ('ls.ranker_version'::regclass, 'ranker_version_never_changes', 'update'),
            ('ls.evaluation'::regclass, 'evaluation_never_changes', 'update'),
            ('ls.alias_history'::regclass, 'alias_history_never_changes', 'update or delete'),
            ('ls.note'::regclass, 'note_never_changes', 'update'),
            ('ls.audit_log'::regclass, 'audit_log_never_changes', 'update or delete')) t (relation, name, events)
        where not exists (select from pg_trigger g where g.tgrelid = t.relation and g.tgname = t.name)
    loop
        execute format('create trigger %I before %s on %s for each row execute function ls.guard_immutable()',
            v_trigger.name, v_trigger.events, v_trigger.relation);
    end loop;
end
$$;
