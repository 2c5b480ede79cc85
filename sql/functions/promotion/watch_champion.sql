-- ls.watch_champion(ranker, version before): its champion has just moved. One that the gate put there, or a check of evaluations, is
-- watched: when who would serve without it changes, it is judged anew (ls.judge_champion). One that a person put there is not, nor is
-- one that came back because a user was forgotten, unless the gate had promoted it. Those that fall back on this ranker, or may
-- do so from now on, are looked at soon: that is noted (ls.champion_move), not done here, as they may be very many.
-- Called by: set_alias, remove_alias.
create or replace function ls.watch_champion(p_ranker_id bigint, p_from_version_id bigint)
returns void
language plpgsql
as $$
declare
    v_champion_id bigint;
    v_mover text;
begin
    select a.version_id into v_champion_id from ls.ranker_alias a where a.ranker_id = p_ranker_id and a.alias = 'champion';
    select ls.mover(h.moved_by, h.reason) into v_mover from ls.alias_history h
    where h.ranker_id = p_ranker_id and h.alias = 'champion' order by h.alias_history_id desc limit 1;
    if v_champion_id is not null and (v_mover in ('gate', 'check') or (v_mover = 'forget' and exists (
            select from ls.promotion_decision d where d.version_id = v_champion_id and d.promoted)))
    then
        insert into ls.champion_watch (ranker_id) values (p_ranker_id)
        on conflict (ranker_id) do update set feature_set_ids = null, fallback_version_ids = null, asked_version_id = null, asked_at = null, looked_at = '-infinity';
    else
        delete from ls.champion_watch where ranker_id = p_ranker_id;
    end if;
    if p_from_version_id is null or exists (select from ls.champion_watch w where w.fallback_version_ids @> array[p_from_version_id]) then
        insert into ls.champion_move (ranker_id, from_version_id) values (p_ranker_id, p_from_version_id);
    end if;
end
$$;
comment on function ls.watch_champion(bigint, bigint) is
    'Notes that a champion moved: it is judged anew when who would serve without it changes, and so are those that fall back on it.';
