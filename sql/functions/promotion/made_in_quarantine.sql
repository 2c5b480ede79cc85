-- ls.made_in_quarantine(version) -> whether only workers that are in quarantine made the version, for others than their own users.
-- Another worker that made the same bytes stands for them, too. Called by: consider_promotion, may_be_champion.
create or replace function ls.made_in_quarantine(p_version_id bigint)
returns boolean
language sql stable
as $$
    select exists (select from ls.ranker_version v join ls.worker w using (worker_id)
            where v.version_id = p_version_id and w.quarantined_at is not null and ls.serves_others(v.ranker_id, v.worker_id))
        and not exists (select from ls.attempt a join ls.worker w using (worker_id)
            where a.version_id = p_version_id and a.state = 'succeeded' and w.quarantined_at is null);
$$;
comment on function ls.made_in_quarantine(bigint) is 'Whether only workers that are in quarantine made a version.';
