-- ls.ranker_note: the notes on rankers (version null) and versions, newest first.
create or replace view ls.ranker_note as
select r.name as ranker, v.number as version, n.text, n.written_by, n.written_at
from ls.note n join ls.ranker r using (ranker_id) left join ls.ranker_version v on v.version_id = n.version_id
order by n.note_id desc;
comment on view ls.ranker_note is 'Notes on rankers and versions, newest first.';
