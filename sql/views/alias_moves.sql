-- ls.alias_moves: every move of an alias, newest first, with names. (The table ls.alias_history holds ids.)
create or replace view ls.alias_moves as
select h.moved_at, r.name as ranker, h.alias, f.number as from_version, t.number as to_version, h.is_rollback, h.moved_by, h.reason
from ls.alias_history h
    join ls.ranker r using (ranker_id)
    left join ls.ranker_version f on f.version_id = h.from_version_id
    left join ls.ranker_version t on t.version_id = h.to_version_id
order by h.alias_history_id desc;
comment on view ls.alias_moves is 'Every move of an alias, newest first, with who and why.';
