-- One worker's word is not enough where others are served by it: what must agree between evaluations is kept once, a share of
-- them is measured again by a coordinator, and what was decided on figures that were wrong is decided again.

-- What needs no ranker is the same for every evaluation of a feature set and a configuration: the first who says it is believed
-- until somebody says otherwise or a coordinator has measured it (confirmed_at).
create table ls.baseline (
    feature_set_id bigint not null references ls.feature_set on delete cascade,
    configuration jsonb not null,
    first_sample double precision not null,
    majority double precision,
    highest_log_probability double precision,
    oracle double precision not null,
    evaluation_id bigint references ls.evaluation on delete set null,
    confirmed_at timestamptz,
    primary key (feature_set_id, configuration)
);
create index baseline_by_evaluation on ls.baseline (evaluation_id);
insert into ls.baseline (feature_set_id, configuration, first_sample, majority, highest_log_probability, oracle, evaluation_id)
select distinct on (e.feature_set_id, e.configuration) e.feature_set_id, e.configuration, e.first_sample, e.majority,
    e.highest_log_probability, e.oracle, e.evaluation_id
from ls.evaluation e join ls.feature_set f using (feature_set_id)
where f.home_worker_id is null
order by e.feature_set_id, e.configuration, e.evaluation_id;

-- The mean label of the ranker's picks, query by query, in the set's order: what accuracy is the mean of.
alter table ls.evaluation add column query_values real[];

-- An evaluation that a coordinator measures again, and what it found.
create table ls.evaluation_check (
    evaluation_check_id bigint generated always as identity primary key,
    evaluation_id bigint references ls.evaluation on delete set null,
    version_id bigint not null references ls.ranker_version on delete cascade,
    feature_set_id bigint not null references ls.feature_set on delete cascade,
    configuration jsonb not null,
    worker_id bigint not null references ls.worker,
    reason text not null,
    holds boolean not null,
    report jsonb not null,
    requested_at timestamptz not null default clock_timestamp(),
    claim_count integer not null default 0,
    claimed_until timestamptz,
    decided_at timestamptz,
    verdict text,
    because text,
    found jsonb,
    constraint evaluation_check_is_made_once unique (evaluation_id),
    constraint evaluation_check_reason_is_known check (reason in ('sample', 'trained and measured', 'dispute', 'reopened')),
    constraint evaluation_check_verdict_is_known check (verdict in ('confirmed', 'refuted', 'failed')),
    constraint evaluation_check_is_decided_with_a_verdict check ((decided_at is null) = (verdict is null))
);
create index evaluation_check_open on ls.evaluation_check (holds desc, (reason = 'sample' or reason = 'reopened'), evaluation_check_id)
    where decided_at is null;
create index evaluation_check_by_version on ls.evaluation_check (version_id);
create index evaluation_check_by_feature_set on ls.evaluation_check (feature_set_id);
create index evaluation_by_worker on ls.evaluation (worker_id, evaluation_id);

-- How many are measured again, and whether a promotion on one worker's word waits for it.
create table ls.check_policy (
    check_policy_id integer primary key default 1,
    share double precision not null default 0.02,
    holds_promotions boolean not null default false,
    constraint check_policy_is_one check (check_policy_id = 1),
    constraint check_policy_share_is_a_fraction check (share between 0 and 1)
);
insert into ls.check_policy default values;

-- Why a worker is in quarantine: for 'refusals', which rest on what other workers did, or for
-- 'figures' that a coordinator measured itself. Only the first can turn out to be somebody else's
-- fault.
alter table ls.worker add column quarantined_for text;
update ls.worker set quarantined_for = 'refusals' where quarantined_at is not null;
alter table ls.worker add constraint worker_quarantine_is_for_something_known
    check (quarantined_for in ('refusals', 'figures'));
create index audit_log_of_refusals on ls.audit_log (actor, at) where action = 'result refused';
create index audit_log_of_releases on ls.audit_log (subject, at) where action = 'release worker';

comment on table ls.baseline is 'What needs no ranker, of each feature set and evaluation configuration: every evaluation must agree with it.';
comment on table ls.evaluation_check is 'Evaluations that a coordinator measures again, why, and what it found.';
comment on table ls.check_policy is 'One row: the share of evaluations that is measured again, and whether promotions wait for it.';
