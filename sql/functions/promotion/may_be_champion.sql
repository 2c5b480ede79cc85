-- ls.may_be_champion(version) -> whether it may be made champion when the champion is chosen anew: it is not forgotten, its weights can be
-- read here or at home, somebody made it who is not in quarantine, no person took it away from champion since it last was, and
-- the gate does not leave it alone for its sweep. Called by: choose_champion.
create or replace function ls.may_be_champion(p_version_id bigint)
returns boolean
language sql stable
as $$
    select exists (select from ls.ranker_version v
            join ls.ranker r using (ranker_id)
            join ls.ranker_weights x on x.digest = v.digest
            left join ls.worker w on w.worker_id = r.home_worker_id
            left join lateral (select h.from_version_id, h.moved_by, h.reason from ls.alias_history h
                where h.ranker_id = v.ranker_id and h.alias = 'champion' and v.version_id in (h.from_version_id, h.to_version_id)
                order by h.alias_history_id desc limit 1) m on true
        where v.version_id = p_version_id and v.forgotten_at is null
            and w.revoked_at is null and (r.home_worker_id is not null or x.bytes is not null)
            and not exists (select from ls.home_weights h
                where h.digest = v.digest and h.worker_id = r.home_worker_id and h.lost_at is not null)
            and not ls.made_in_quarantine(v.version_id)
            and not coalesce(m.from_version_id = v.version_id and ls.mover(m.moved_by, m.reason) = 'person', false)
            and (m.moved_by is not null or not ls.is_withheld(v.version_id)));
$$;
comment on function ls.may_be_champion(bigint) is 'Whether a version may be made champion when the champion is chosen anew.';
