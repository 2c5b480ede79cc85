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
    -- The first candidate with an answer, and the one with the highest mean log-probability a token.
    add column has_answer double precision,
    add column mean_log_probability double precision,
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
    -- Against whom the version is compared on each set, where that is not the incumbent everywhere: an exempt stratum has its own.
    add column incumbent_version_ids bigint[],
    -- How many queries are in strata that it would harm.
    add column harmed_count integer,
    -- It was about the champion, which was proven worse than who would serve without its ranker, and is champion no more.
    add column withdrawn boolean not null default false,
    add constraint promotion_decision_is_of_one_kind check (not (promoted and withdrawn)),
    add constraint promotion_decision_policy_is_known check (policy in ('better', 'not_worse', 'manual'));
create index promotion_decision_by_incumbent on ls.promotion_decision (incumbent_version_id) where incumbent_version_id is not null;
create index promotion_decision_by_incumbents on ls.promotion_decision using gin (incumbent_version_ids)
    where incumbent_version_ids is not null;
create index promotion_decision_by_feature_set on ls.promotion_decision using gin (feature_set_ids) where not promoted;

-- The parts of a decision's queries that nobody may be left behind in.
create table ls.promotion_stratum (
    promotion_decision_id bigint not null references ls.promotion_decision on delete cascade,
    ordinal integer not null,
    user_name text,
    domain_id bigint references ls.domain,
    set_places integer[] not null,
    query_count integer not null,
    mean_difference double precision not null,
    log_e_worse double precision not null,
    is_harmed boolean not null,
    primary key (promotion_decision_id, ordinal),
    -- Neither: its user was forgotten.
    constraint promotion_stratum_is_of_a_user_or_a_domain check (num_nonnulls(user_name, domain_id) <= 1)
);
create index promotion_stratum_by_user on ls.promotion_stratum (user_name) where user_name is not null;
comment on table ls.promotion_stratum is 'The users and narrower domains that a promotion decision looked at one by one, and whether it would harm them.';

-- Who keeps the version of before, because the champion would harm them.
create table ls.exemption (
    exemption_id bigint generated always as identity primary key,
    ranker_id bigint not null references ls.ranker on delete cascade,
    user_name text,
    domain_id bigint references ls.domain,
    version_id bigint,
    promotion_decision_id bigint not null references ls.promotion_decision on delete cascade,
    since timestamptz not null default clock_timestamp(),
    constraint exemption_is_of_a_user_or_a_domain check (num_nonnulls(user_name, domain_id) = 1),
    constraint exemption_keeps_its_own_ranker foreign key (ranker_id, version_id) references ls.ranker_version (ranker_id, version_id)
);
create unique index exemption_is_one_a_stratum on ls.exemption (ranker_id, coalesce(user_name, ''), coalesce(domain_id, 0));
create index exemption_by_version on ls.exemption (ranker_id, version_id) where version_id is not null;
create index exemption_by_user on ls.exemption (user_name) where user_name is not null;
create index exemption_by_decision on ls.exemption (promotion_decision_id);
comment on table ls.exemption is 'The users and domains whose requests a ranker''s champion does not serve, because it was proven worse for them, and the version that does.';

-- The champions that a person did not put there, and who would serve without each when that was looked at last.
create table ls.champion_watch (
    ranker_id bigint primary key references ls.ranker on delete cascade,
    -- The test sets that it is judged on, and who would serve the requests of each.
    feature_set_ids bigint[],
    fallback_version_ids bigint[],
    asked_version_id bigint references ls.ranker_version on delete set null,
    asked_at timestamptz,
    looked_at timestamptz not null default '-infinity'
);
create index champion_watch_by_fallback on ls.champion_watch using gin (fallback_version_ids);
create index champion_watch_by_feature_set on ls.champion_watch using gin (feature_set_ids);
create index champion_watch_by_asked on ls.champion_watch (asked_version_id) where asked_version_id is not null;
create index champion_watch_in_order on ls.champion_watch (looked_at, ranker_id);
comment on table ls.champion_watch is 'Champions that the promotion gate put there, with who would serve without them: when that changes, they are judged anew.';
insert into ls.champion_watch (ranker_id)
select a.ranker_id from ls.ranker_alias a
    cross join lateral (select h.moved_by from ls.alias_history h
        where h.ranker_id = a.ranker_id and h.alias = a.alias order by h.alias_history_id desc limit 1) m
where a.alias = 'champion' and m.moved_by in ('promotion gate', 'promotion (forgotten)', '(forgotten) gate');

-- Moves of champions, and test sets of which figures were refuted: not all whom they concern were looked at. Two who write here
-- never wait for each other.
create table ls.champion_move (
    champion_move_id bigint generated always as identity primary key,
    ranker_id bigint not null,
    from_version_id bigint,
    feature_set_id bigint,
    moved_at timestamptz not null default clock_timestamp()
);
comment on table ls.champion_move is 'Moves of champions, and refuted figures, after which other champions are still to be judged anew.';

-- Versions whose decision waits for the figures of another ranker's version.
create table ls.promotion_wait (
    version_id bigint not null references ls.ranker_version on delete cascade,
    incumbent_version_id bigint not null references ls.ranker_version on delete cascade,
    waiting_since timestamptz not null default clock_timestamp(),
    looked_at timestamptz not null default '-infinity',
    primary key (incumbent_version_id, version_id)
);
create index promotion_wait_by_look on ls.promotion_wait (looked_at, waiting_since, version_id);
create index promotion_wait_by_version on ls.promotion_wait (version_id);
comment on table ls.promotion_wait is 'Versions that the promotion gate decides on when the figures of their incumbent have come in.';

-- A coordinator also measures again what says nothing of single queries.
alter table ls.evaluation_check drop constraint evaluation_check_reason_is_known;
alter table ls.evaluation_check add constraint evaluation_check_reason_is_known
    check (reason in ('sample', 'trained and measured', 'dispute', 'reopened', 'single queries'));

-- What was known of a decision's candidates beside their features, and what its first candidate was to be. Not valid: the
-- columns are new, so no row can break a rule about them, and nobody waits while months of decisions are read.
alter table ls.decision
    add column signals jsonb,
    add column aggregate text not null default 'best',
    add constraint decision_signals_are_an_object check (jsonb_typeof(signals) = 'object') not valid,
    add constraint decision_aggregate_is_known check (aggregate in ('best', 'weighted_vote')) not valid;

-- Versions that serve their score combined with signals, and workers whose programs know how: one of before would measure the bare score.
alter table ls.ranker_version add column has_combiner boolean not null default false;
alter table ls.worker_presence add column combines_signals boolean not null default false;
