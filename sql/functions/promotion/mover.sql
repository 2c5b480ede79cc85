-- ls.mover(moved by, reason) -> who moved an alias: 'gate', 'check' (evaluations that were measured again), 'forget' (a user was forgotten)
-- or 'person'. The first two words may have been overwritten when a user was forgotten whose name was one of them.
-- Called by: consider_promotion, may_be_champion, choose_champion.
create or replace function ls.mover(p_moved_by text, p_reason text)
returns text
language sql immutable strict
as $$
    select case
        when p_moved_by in ('promotion gate', 'promotion (forgotten)', '(forgotten) gate') then 'gate'
        when p_moved_by in ('evaluation check', 'evaluation (forgotten)', '(forgotten) check') then 'check'
        when p_reason = 'a user was forgotten' then 'forget'
        else 'person' end;
$$;
comment on function ls.mover(text, text) is 'Who moved an alias: the gate, the check of evaluations, the forgetting of a user, or a person.';
