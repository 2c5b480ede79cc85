-- Weights at home with a worker are its own, by digest and worker: training is deterministic, so two workers, or a worker and
-- the database, may have the same bytes. What one of them says of a digest (its size, that it has lost it) is said of its own copy.
alter table ls.home_weights add column byte_count bigint;
-- While there is a key: somebody's publication may ask for one.
update ls.home_weights h set byte_count = w.byte_count from ls.ranker_weights w where w.digest = h.digest;
alter table ls.home_weights drop constraint home_weights_pkey;
-- Whose row another worker took over: what it has, its next offer says.
insert into ls.home_weights (digest, worker_id, byte_count)
select distinct v.digest, r.home_worker_id, w.byte_count
from ls.ranker_version v
    join ls.ranker r using (ranker_id)
    join ls.ranker_weights w on w.digest = v.digest
where r.home_worker_id is not null
    and not exists (select from ls.home_weights h where h.digest = v.digest and h.worker_id = r.home_worker_id);
alter table ls.home_weights
    alter column byte_count set not null,
    add constraint home_weights_have_a_size check (byte_count > 0),
    add constraint home_weights_pkey primary key (digest, worker_id);
comment on table ls.home_weights is 'Weights on the disks of the workers they are at home with, and since when they are lost there.';
