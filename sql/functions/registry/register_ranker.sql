-- ls.register_ranker(base_model, kind, configuration, training, user, domain, name, home) -> ranker id, name.
-- home: the worker that trains it and keeps its weights, which then never leave that machine.
-- The two JSON values are RankerConfiguration and TrainingConfiguration; null is the preset
-- (default_ranker_configuration, default_training_configuration). Only what the database itself
-- relies on is checked here (kind, hidden size). Again with the same values: the same id;
-- the same name for anything else is refused (LS020).
-- Called by: LedgerStore.registerRanker, an admin.
create or replace function ls.register_ranker(
    p_base_model text, p_kind text, p_configuration jsonb default null, p_training jsonb default null,
    p_user text default null, p_domain text default null, p_name text default null,
    p_home text default null)
returns table (ranker_id bigint, name text)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_base_model_id bigint := ls.base_model_id(p_base_model);
    v_domain_id bigint := case when p_domain is not null then ls.domain_id(p_domain) end;
    v_name text := coalesce(p_name, ls.default_ranker_name(p_user, p_domain, p_kind));
    v_configuration jsonb;
    v_training jsonb;
    v_hidden_size integer;
    v_home bigint;
    v_old ls.ranker;
begin
    if p_home is not null then
        select w.worker_id into v_home from ls.worker w where w.name = p_home and w.revoked_at is null;
        if not found then
            perform ls.refuse('LS016', format('cannot register a ranker at home with worker ''%s'': no worker has this name, or it is revoked', left(p_home, 80)),
                'select name from ls.worker_status lists the workers');
        end if;
    end if;
    if p_kind is null or p_kind not in ('listwise', 'pointwise') then
        perform ls.refuse('LS001', format('cannot register a ranker: found kind ''%s'', expected listwise or pointwise', p_kind));
    end if;
    v_configuration := coalesce(p_configuration, ls.default_ranker_configuration(p_base_model, p_kind));
    v_training := coalesce(p_training, ls.default_training_configuration(p_kind));
    if length(v_name) not between 1 and 400 or v_name ~ '[:@[:cntrl:][:space:]]' then
        perform ls.refuse('LS001', format('cannot name a ranker ''%s'': a name has 1 to 400 characters and no '':'', ''@'' or space', left(v_name, 400)));
    end if;
    if p_user is not null and p_user !~ '^[^[:cntrl:]]{1,200}$' then
        perform ls.refuse('LS001', format('cannot register ranker ''%s'': a user name has 1 to 200 characters', v_name));
    end if;
    if jsonb_typeof(v_configuration) is distinct from 'object' or jsonb_typeof(v_training) is distinct from 'object' then
        perform ls.refuse('LS001', format('cannot register ranker ''%s'': both configurations must be JSON objects', v_name));
    end if;
    if v_configuration ->> 'kind' is distinct from p_kind then
        perform ls.refuse('LS001', format('cannot register ranker ''%s'': found kind %s in its configuration, expected %s',
            v_name, coalesce(v_configuration ->> 'kind', 'null'), p_kind));
    end if;
    select hidden_size into v_hidden_size from ls.base_model where base_model_id = v_base_model_id;
    if v_configuration -> 'hidden_size' is distinct from to_jsonb(v_hidden_size) then
        perform ls.refuse('LS004', format('cannot register ranker ''%s'': found hidden size %s in its configuration, base model ''%s'' has %s',
            v_name, coalesce(v_configuration ->> 'hidden_size', 'null'), p_base_model, v_hidden_size));
    end if;

    loop
        insert into ls.ranker (name, base_model_id, user_name, domain_id, kind, configuration,
            training, home_worker_id)
        values (v_name, v_base_model_id, p_user, v_domain_id, p_kind, v_configuration, v_training,
            v_home)
        on conflict on constraint ranker_name_is_unique do nothing;
        select r.* into v_old from ls.ranker r where r.name = v_name;
        exit when found;  -- else whoever forgot its user took it away while we waited
    end loop;
    if (v_old.base_model_id, v_old.user_name, v_old.domain_id, v_old.kind, v_old.configuration, v_old.training, v_old.home_worker_id)
        is distinct from (v_base_model_id, p_user, v_domain_id, p_kind, v_configuration, v_training, v_home)
    then
        perform ls.refuse('LS020', format('cannot register ranker ''%s'': a ranker of this name exists with other %s', v_name,
            case when v_old.base_model_id <> v_base_model_id then 'base model'
                when v_old.user_name is distinct from p_user then 'user'
                when v_old.domain_id is distinct from v_domain_id then 'domain'
                when v_old.kind <> p_kind then 'kind'
                when v_old.configuration <> v_configuration then 'configuration'
                when v_old.home_worker_id is distinct from v_home then 'home'
                else 'training configuration' end), 'give the new ranker a name of its own');
    end if;
    return query select v_old.ranker_id, v_old.name;
end
$$;
comment on function ls.register_ranker(text, text, jsonb, jsonb, text, text, text, text) is
    'Registers a ranker for a user and/or a domain, or without either for everyone, and returns its id and name; repeating it with the same values returns the same ones. By default the configurations are the presets, and the name is made of user, domain and kind; with a home, only that worker trains it and has its weights. Refuses an unknown base model, domain or worker (LS010, LS011, LS016), another width than the base model''s (LS004), what does '
    'not fit (LS001), and a name that means another ranker (LS020).';
