-- ls.set_check_policy(share, holds_promotions, reason, by): how many evaluations a coordinator measures again (0 to 1; null: as before),
-- and whether a promotion that one worker alone stands for (it trained and measured) waits for that (null: as before) or is
-- looked at right after. Called by: an admin.
create or replace function ls.set_check_policy(p_share double precision, p_holds_promotions boolean, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
begin
    if not coalesce(p_share between 0 and 1, true) or coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot measure a share of %s again: expected 0 to 1, and a reason', coalesce(p_share::text, 'null')));
    end if;
    update ls.check_policy set share = coalesce(p_share, share), holds_promotions = coalesce(p_holds_promotions, holds_promotions);
    perform ls.record_audit(p_by, 'set check policy', (select format('share %s, promotions %s', share,
        case when holds_promotions then 'wait' else 'do not wait' end) from ls.check_policy), p_reason);
end
$$;
comment on function ls.set_check_policy(double precision, boolean, text, text) is
    'Sets which share of evaluations is measured again by a coordinator, and whether promotions that rest on one worker''s figures wait for it; null leaves a setting as it is. Refuses a share outside 0 to 1 and an empty reason (LS001).';
