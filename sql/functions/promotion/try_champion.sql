-- ls.try_champion(ranker) -> what ls.judge_champion says; false also where it fails: then the audit log has why, and the ranker's turn
-- is over, so that one that cannot be judged keeps no other from it. Who loses a race tries again from the start.
-- Called by: judge_champions.
create or replace function ls.try_champion(p_ranker_id bigint)
returns boolean
language plpgsql
as $$
begin
    return ls.judge_champion(p_ranker_id);
exception
    when serialization_failure or deadlock_detected or lock_not_available then raise;
    when others then
        update ls.champion_watch set looked_at = clock_timestamp() where ranker_id = p_ranker_id;
        perform ls.record_audit('lscoord', 'not judged', (select name from ls.ranker where ranker_id = p_ranker_id), sqlerrm);
        return false;
end
$$;
comment on function ls.try_champion(bigint) is 'Judges a champion anew; what goes wrong is in the audit log, and keeps nothing else from its turn.';
