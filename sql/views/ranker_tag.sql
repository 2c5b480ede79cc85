-- ls.ranker_tag: the tags of rankers (version null) and of versions.
create or replace view ls.ranker_tag as
select r.name as ranker, v.number as version, t.key, t.value, t.set_by, t.set_at
from ls.tag t join ls.ranker r using (ranker_id) left join ls.ranker_version v on v.version_id = t.version_id;
comment on view ls.ranker_tag is 'Tags of rankers, and of versions.';
