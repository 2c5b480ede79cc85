-- ls.judge_champions(limit, asked version) -> how many champions were looked at, at most so many, and for five seconds: whether they are worse than who would
-- serve without them (ls.judge_champion). With an asked version: those that wait for its figures, which came in. Else first
-- those that fell back on a champion that moved, those beneath one that is new, and those that are judged on a test set of which
-- figures were refuted (ls.champion_move); then those that nobody
-- looked at for longest, so that what else changes a route (rules, transfers) is found out, too. Each is found by an index, whatever
-- the number of rankers. Rankers that somebody else works on are left for the next time: nobody waits here.
-- Called by: housekeep, reconsider.
create or replace function ls.judge_champions(p_limit integer default 100, p_asked_version_id bigint default null)
returns integer
language plpgsql
as $$
declare
    v_began timestamptz := clock_timestamp();
    v_move ls.champion_move;
    v_ranker ls.ranker;
    v_next bigint[];
    v_ranker_id bigint;
    v_left integer;
    v_count integer := 0;
    c_patience constant interval := '5 seconds';  -- a ranker of many domains takes long, and all that were looked at are locked
begin
    if p_asked_version_id is not null then
        v_next := array(select w.ranker_id from ls.champion_watch w where w.asked_version_id = p_asked_version_id order by w.ranker_id limit p_limit);
        foreach v_ranker_id in array v_next loop
            perform from ls.ranker where ranker_id = v_ranker_id for no key update skip locked;
            continue when not found;
            perform ls.try_champion(v_ranker_id);
            v_count := v_count + 1;
        end loop;
        return v_count;
    end if;
    for v_move in select * from ls.champion_move order by champion_move_id limit 5 * p_limit for update skip locked loop
        exit when v_count >= p_limit or clock_timestamp() > v_began + c_patience;
        if v_move.feature_set_id is not null then
            v_next := array(select w.ranker_id from ls.champion_watch w
                where w.feature_set_ids @> array[v_move.feature_set_id] and w.looked_at < v_move.moved_at order by w.ranker_id limit p_limit - v_count + 1);
        elsif v_move.from_version_id is not null then
            v_next := array(select w.ranker_id from ls.champion_watch w
                where w.fallback_version_ids @> array[v_move.from_version_id] and w.looked_at < v_move.moved_at order by w.ranker_id limit p_limit - v_count + 1);
        else
            select * into v_ranker from ls.ranker where ranker_id = v_move.ranker_id;
            v_next := array(select w.ranker_id
                from (select 0 as domain_id where v_ranker.domain_id is null
                    union all
                    select d.domain_id from ls.domain d join ls.domain o on o.domain_id = v_ranker.domain_id
                    where d.name = o.name or (d.name collate "C" > o.name || '/' and d.name collate "C" < o.name || '0')
                    union all select d.domain_id from ls.domain d where v_ranker.domain_id is null) n
                    join ls.ranker r on r.base_model_id = v_ranker.base_model_id and coalesce(r.user_name, '') = coalesce(v_ranker.user_name, '')
                        and coalesce(r.domain_id, 0) = n.domain_id and r.ranker_id <> v_ranker.ranker_id
                    join ls.champion_watch w on w.ranker_id = r.ranker_id
                where w.looked_at < v_move.moved_at order by w.ranker_id limit p_limit - v_count + 1);
        end if;
        v_left := cardinality(v_next);
        foreach v_ranker_id in array v_next[: p_limit - v_count] loop
            exit when clock_timestamp() > v_began + c_patience;
            perform from ls.ranker where ranker_id = v_ranker_id for no key update skip locked;
            continue when not found;
            -- Others would serve as before, but what they and it pick is known better.
            update ls.champion_watch set feature_set_ids = null where ranker_id = v_ranker_id and v_move.feature_set_id is not null;
            if ls.try_champion(v_ranker_id) is not null then
                v_left := v_left - 1;
            end if;
            v_count := v_count + 1;
        end loop;
        if v_left = 0 then
            delete from ls.champion_move where champion_move_id = v_move.champion_move_id;
        end if;
    end loop;
    for v_ranker_id in
        select w.ranker_id from ls.champion_watch w where w.looked_at < v_began order by w.looked_at, w.ranker_id limit p_limit - v_count
    loop
        exit when clock_timestamp() > v_began + c_patience;
        perform from ls.ranker where ranker_id = v_ranker_id for no key update skip locked;
        continue when not found;
        perform ls.try_champion(v_ranker_id);
        v_count := v_count + 1;
    end loop;
    return v_count;
end
$$;
comment on function ls.judge_champions(integer, bigint) is
    'Judges champions anew whose requests may be served better without them, a bounded number at a time.';
