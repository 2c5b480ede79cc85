-- The promotion gate weighs evidence query by query: what each method picked that needs no ranker is kept beside the
-- figures, and every decision keeps all that is needed to decide it again.
alter table ls.baseline
    -- The mean label of what each method picks, in the order of the queries; null: nobody said yet.
    add column first_sample_values real[],
    add column majority_values real[],
    add column highest_log_probability_values real[],
    add column oracle_values real[],
    -- The least and the greatest label; null: nobody said yet, or labels are 0 and 1.
    add column label_low double precision,
    add column label_high double precision,
    add constraint baseline_range_is_whole check ((label_low is null) = (label_high is null) and label_low <= label_high);

create table ls.promotion_policy (
    ranker_id bigint primary key references ls.ranker on delete cascade,
    policy text not null,
    margin double precision not null default 0.02,
    set_by text not null,
    set_at timestamptz not null default clock_timestamp(),
    constraint promotion_policy_is_known check (policy in ('better', 'not_worse', 'manual')),
    constraint promotion_policy_margin_is_small check (margin >= 0 and margin <= 0.5)
);
comment on table ls.promotion_policy is 'What a version of a ranker has to prove before it is made champion; without a row: that it is better.';

-- What a decision rests on, so that anybody can decide it again. Null: it was made before there was evidence.
alter table ls.promotion_decision
    add column policy text,
    add column margin double precision,
    add column incumbent text,
    add column incumbent_version_id bigint references ls.ranker_version,
    add column configuration jsonb,
    add column feature_set_ids bigint[],
    add column query_counts integer[],
    -- Query by query, in the order of feature_set_ids.
    add column version_values real[],
    add column incumbent_values real[],
    -- By how much labels differ at most, of each set.
    add column widths double precision[],
    add column tried_count integer,
    add column log_e double precision,
    add column log_e_worse double precision,
    add column mean_difference double precision,
    add column standard_error double precision,
    add constraint promotion_decision_policy_is_known check (policy in ('better', 'not_worse', 'manual'));
create index promotion_decision_by_incumbent on ls.promotion_decision (incumbent_version_id) where incumbent_version_id is not null;

-- Versions whose decision waits for the figures of another ranker's version.
create table ls.promotion_wait (
    version_id bigint not null references ls.ranker_version on delete cascade,
    incumbent_version_id bigint not null references ls.ranker_version on delete cascade,
    waiting_since timestamptz not null default clock_timestamp(),
    primary key (incumbent_version_id, version_id)
);
create index promotion_wait_by_version on ls.promotion_wait (version_id);
comment on table ls.promotion_wait is 'Versions that the promotion gate decides on when the figures of their incumbent have come in.';

-- A coordinator also measures again what says nothing of single queries.
alter table ls.evaluation_check drop constraint evaluation_check_reason_is_known;
alter table ls.evaluation_check add constraint evaluation_check_reason_is_known
    check (reason in ('sample', 'trained and measured', 'dispute', 'reopened', 'single queries'));
