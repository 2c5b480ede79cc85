-- ls.guard_champion(): trigger of ls.alias_history. A champion that the gate moves has a decision of the gate that promotes it,
-- on evidence that is enough, and each decision moves it once; one that the gate takes away has a decision that withdraws it, once (LS021). What a person does, or a check of evaluations, is theirs to answer for.
create or replace function ls.guard_champion()
returns trigger
language plpgsql
as $$
declare
    v_decision ls.promotion_decision;
begin
    if new.alias <> 'champion' or ls.mover(new.moved_by, new.reason) is distinct from 'gate' then
        return new;
    end if;
    if new.to_version_id is null then
        select * into v_decision from ls.promotion_decision d where d.version_id = new.from_version_id order by d.promotion_decision_id desc limit 1;
        if not coalesce(v_decision.withdrawn and v_decision.log_e_worse >= ln(20::double precision), false)
            or exists (select from ls.alias_history h where h.ranker_id = new.ranker_id and h.alias = 'champion'
                and h.from_version_id = new.from_version_id and h.moved_at > v_decision.decided_at)
        then
            perform ls.refuse('LS021', format('cannot take version %s away by the gate: found no decision with e of 20 or more that it is worse', new.from_version_id),
                'ls.remove_alias is by hand');
        end if;
        return new;
    end if;
    select * into v_decision from ls.promotion_decision d where d.version_id = new.to_version_id order by d.promotion_decision_id desc limit 1;
    if not coalesce(v_decision.promoted and v_decision.log_e >= ln(20::double precision), false)
        or exists (select from ls.alias_history h where h.ranker_id = new.ranker_id and h.alias = 'champion'
            and h.to_version_id = new.to_version_id and h.moved_at > v_decision.decided_at)
    then
        perform ls.refuse('LS021', format('cannot make version %s champion by the gate: found no decision with e of 20 or more', new.to_version_id),
            'ls.consider_promotion decides; ls.promote is by hand');
    end if;
    return new;
end
$$;
comment on function ls.guard_champion() is 'Trigger: refuses a champion of the promotion gate without its decision.';
do $$
begin
    if not exists (select from pg_trigger where tgrelid = 'ls.alias_history'::regclass and tgname = 'alias_history_champion_is_decided') then
        create trigger alias_history_champion_is_decided before insert on ls.alias_history
            for each row execute function ls.guard_champion();
    end if;
end
$$;
