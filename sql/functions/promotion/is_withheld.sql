-- ls.is_withheld(version) -> whether the promotion gate leaves the version alone: only sweeps made it, and
-- none of them found it best. Trained or added by any other request it is a version like any other,
-- and by hand (promote, consider_promotion) it may be promoted at any time.
-- Trainings that say so are never archived (ls.task.stays). Called by: reconsider, settle_promotions,
-- may_be_champion.
create or replace function ls.is_withheld(p_version_id bigint)
returns boolean
language sql stable
as $$
    select ls.is_only_swept(p_version_id) and not exists (select from ls.sweep s where s.best_version_id = p_version_id);
$$;
comment on function ls.is_withheld(bigint) is 'Whether a version is one of a sweep that was not its best.';
