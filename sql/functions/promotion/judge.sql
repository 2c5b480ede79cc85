-- ls.judge(version, configuration, without its ranker) -> the evidence for the version against its incumbent, in one row. Reads only.
-- On each query of the current test sets of the ranker's domain that count (ls.incumbents): the mean label of the version's picks minus
-- that of the picks of who serves such requests without it, divided by the width of the labels' range (ls.differences). log_e is of what the ranker's policy asks for
-- ('better', or 'not_worse' by more than margin than the anchor: the champion, or whom that one had only to be not worse than, so
-- that margins do not add up), less ln(tried_count): a version that a sweep made, chosen or not, pays for all it is one of.
-- It is enough from threshold on.
--   no champion        'better' whatever the policy: a margin is for refreshing what serves already. Without that a first version could
--                      take requests from the chain that serves them better
--   strata             each part of the queries (ls.strata) with what says that it would be worse there: by more than the margin, where the
--                      policy allows one. harmed are those that e-BH names at a rate of 10 % (ls.claims_that_hold); harmed_count is
--                      how many queries they have together, is_too_harmful that these are more than 10 %
--   several incumbents each set's requests may be served by another one, and an exempt stratum has the one that it keeps (ls.exemption), or
--                      who serves it without the ranker: incumbent_version_ids says whom the version faces on each set, and
--                      incumbent_version_id who serves most of the queries
--   the champion       is compared with who would serve without the ranker, and not on sets of exempt strata, which it does not serve
-- missing says what keeps the gate from deciding, null when nothing does; asks_for the version whose figures
-- would help. version_values and incumbent_values are query by query, in the order of feature_set_ids, of which the first has
-- query_counts[1] queries. words say all of it in one sentence.
-- Called by: consider_promotion, choose_champion, judge_champion, words_of_judgement, LedgerStore.judge, an operator.
create or replace function ls.judge(p_version_id bigint, p_configuration jsonb default null, p_is_without_ranker boolean default false)
returns table (policy text, margin double precision, incumbent text, incumbent_version_id bigint, feature_set_ids bigint[],
    query_counts integer[], widths double precision[], version_values real[], incumbent_values real[], query_count integer,
    tried_count integer, log_e double precision, log_e_worse double precision, threshold double precision,
    differences double precision[], mean_difference double precision, standard_error double precision, missing text, asks_for bigint,
    incumbent_version_ids bigint[], strata jsonb, harmed_count integer, is_too_harmful boolean, words text)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp set jit = off
as $$
#variable_conflict use_column
declare
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_is_without_ranker boolean := coalesce(p_is_without_ranker, false);
    v_ranker ls.ranker;
    v_domain text;
    v_champion_id bigint;
    v_anchor_id bigint;
    v_reasons text[] := '{}';
    v_left_out integer := 0;
    v_exempt integer := 0;
    v_set record;
    v_theirs bigint;
    v_my_values real[];
    v_their_values real[];
    v_is_measured boolean;
    v_is_incumbent_measured boolean;
    v_margin double precision;
    c_query_count_min constant integer := 30;
    c_query_count_max constant integer := 10000;  -- of one set: more picks than a report holds
    c_harmed_rate constant double precision := 0.1;
    c_harmed_share_max constant double precision := 0.1;
begin
    select * into v_ranker from ls.ranker r where r.ranker_id = ls.version_ranker(p_version_id);
    select d.name into v_domain from ls.domain d where d.domain_id = v_ranker.domain_id;
    select p.policy, p.margin into policy, margin from ls.promotion_policy p where p.ranker_id = v_ranker.ranker_id;
    policy := coalesce(policy, 'better');
    threshold := ln(20::double precision);
    select a.version_id into v_champion_id from ls.ranker_alias a where a.ranker_id = v_ranker.ranker_id and a.alias = 'champion';
    if v_champion_id <> p_version_id and not v_is_without_ranker then
        incumbent := 'champion';
        incumbent_version_id := v_champion_id;
    end if;
    if policy = 'not_worse' and incumbent = 'champion' then
        incumbent := 'anchor';
        -- The one that a person named, else whom the champion had only to be not worse than, else the champion: so it is the last that was
        -- better, or that a person put there. What a check of evaluations put there stands for itself: those before it may be found out.
        v_anchor_id := coalesce(
            (select a.version_id from ls.ranker_alias a where a.ranker_id = v_ranker.ranker_id and a.alias = 'anchor'),
            (select v.version_id from (select l.policy, l.incumbent_version_id from ls.promotion_decision l
                    where l.version_id = v_champion_id and l.promoted order by l.promotion_decision_id desc limit 1) d
                join ls.ranker_version v on v.version_id = d.incumbent_version_id and v.ranker_id = v_ranker.ranker_id
            where d.policy = 'not_worse' and v.forgotten_at is null
                and (select ls.mover(h.moved_by, h.reason) from ls.alias_history h
                    where h.ranker_id = v_ranker.ranker_id and h.alias = 'champion' order by h.alias_history_id desc limit 1) <> 'check'),
            v_champion_id);
        incumbent_version_id := v_anchor_id;
    elsif policy = 'not_worse' then
        policy := 'better';
    end if;
    -- A version that only sweeps made, whoever asks.
    select coalesce(max(n.tried), 1) into tried_count
    from (select t.task_id from ls.ranker_version t where t.version_id = p_version_id
            union select a.task_id from ls.attempt a where a.version_id = p_version_id) t
        join ls.sweep_entry x using (task_id)
        cross join lateral (select count(*)::integer as tried from ls.sweep_entry e where e.sweep_id = x.sweep_id) n
    where ls.is_only_swept(p_version_id);
    feature_set_ids := '{}';
    query_counts := '{}';
    widths := '{}';
    version_values := '{}';
    incumbent_values := '{}';
    incumbent_version_ids := '{}';
    differences := '{}';
    for v_set in
        select i.feature_set_id, i.domain, i.version_id, i.reason, i.is_counted, i.is_exempt, f.query_count, b.first_sample_values as first_sample,
            case when f.label_kind = 'binary' then 1 else nullif(b.label_high - b.label_low, 0) end as width
        from ls.incumbents(v_ranker.ranker_id, p_version_id, v_is_without_ranker) i
            join ls.feature_set f on f.feature_set_id = i.feature_set_id
            left join ls.baseline b on b.feature_set_id = i.feature_set_id and b.configuration = v_configuration
        order by i.feature_set_id
    loop
        if not v_set.is_counted then
            v_left_out := v_left_out + (not v_set.is_exempt)::integer;
            v_exempt := v_exempt + v_set.is_exempt::integer;
            continue;
        end if;
        v_theirs := case when v_set.reason = 'champion' then coalesce(v_anchor_id, v_set.version_id) else v_set.version_id end;
        feature_set_ids := feature_set_ids || v_set.feature_set_id;
        query_counts := query_counts || v_set.query_count;
        widths := widths || v_set.width::double precision;
        incumbent_version_ids := incumbent_version_ids || v_theirs;
        v_reasons := v_reasons || v_set.reason;
        continue when missing is not null;
        select true, e.query_values into v_is_measured, v_my_values from ls.evaluation e
        where e.version_id = p_version_id and e.feature_set_id = v_set.feature_set_id and e.configuration = v_configuration;
        select true, e.query_values into v_is_incumbent_measured, v_their_values from ls.evaluation e
        where e.version_id = v_theirs and e.feature_set_id = v_set.feature_set_id and e.configuration = v_configuration;
        if v_theirs is null then
            v_their_values := v_set.first_sample;
        end if;
        if v_set.query_count > c_query_count_max then
            missing := format('the test set of ''%s'' has %s queries, the gate compares at most %s', v_set.domain, v_set.query_count,
                c_query_count_max);
        elsif v_is_measured is null then
            missing := format('the version has not been measured on the test set of ''%s''', v_set.domain);
            asks_for := p_version_id;
        elsif v_my_values is null then
            missing := format('the figures of the version on the test set of ''%s'' say nothing of single queries', v_set.domain);
            asks_for := p_version_id;
        elsif v_theirs is not null and v_is_incumbent_measured is null then
            missing := format('the incumbent has not been measured on the test set of ''%s''', v_set.domain);
            asks_for := v_theirs;
        elsif v_their_values is null then
            missing := format('the figures of the %s on the test set of ''%s'' say nothing of single queries',
                case when v_theirs is null then 'first sample' else 'incumbent' end, v_set.domain);
            asks_for := coalesce(v_theirs, p_version_id);
        elsif v_set.width is null then
            missing := format('the labels of the test set of ''%s'' are scores, and all are the same or nobody said between which bounds '
                'they lie', v_set.domain);
            asks_for := p_version_id;
        elsif cardinality(v_my_values) <> v_set.query_count or cardinality(v_their_values) <> v_set.query_count then
            missing := format('the figures on the test set of ''%s'' are not of its %s queries', v_set.domain, v_set.query_count);
        else
            version_values := version_values || v_my_values;
            incumbent_values := incumbent_values || v_their_values;
        end if;
    end loop;
    query_count := (select coalesce(sum(n), 0) from unnest(query_counts) n);
    if incumbent is null and cardinality(feature_set_ids) > 0 then
        -- As ls.incumbent_of_ranker.
        select i.version_id, i.reason into incumbent_version_id, incumbent
        from unnest(incumbent_version_ids, v_reasons, query_counts) i (version_id, reason, query_count)
        group by i.version_id, i.reason order by sum(i.query_count) desc, i.version_id limit 1;
    elsif incumbent is null then
        select i.version_id, i.reason into incumbent_version_id, incumbent
        from ls.incumbent_of_ranker(v_ranker.ranker_id, p_version_id, v_is_without_ranker) i;
    end if;
    if cardinality(feature_set_ids) = 0 then
        missing := case when v_exempt = 0 then format('there is no test feature set of %s', coalesce('domain ''' || v_domain || '''', 'any domain'))
            else 'all its test sets are of those who are exempt from it' end;
    elsif missing is null and query_count < c_query_count_min then
        missing := format('its test sets have %s queries, the gate needs %s or more', query_count, c_query_count_min);
    end if;
    if missing is null then
        v_margin := case when policy = 'not_worse' then margin else 0 end;
        differences := ls.differences(version_values, incumbent_values, query_counts, widths);
        with weighed as materialized (
            select * from ls.weigh(version_values, incumbent_values, query_counts, widths, v_margin)
        ), parts as (
            select s.*, row_number() over (order by s.user_name nulls first, s.name collate "C") as ordinal,
                (select sum(w.total) from weighed w where w.place = any (s.set_places)) / s.query_count as mean_difference,
                ls.log_e(ls.added(array(select w.log_harm from weighed w where w.place = any (s.set_places)))) as log_e_worse
            from ls.strata(v_ranker.ranker_id, feature_set_ids) s
        ), claims as (
            select coalesce(ls.claims_that_hold(array_agg(p.log_e_worse order by p.ordinal), c_harmed_rate), '{}') as held from parts p
        )
        select ls.log_e(ls.added(array(select log_better from weighed))) - ln(tried_count::double precision),
            ls.log_e(ls.added(array(select log_worse from weighed))),
            (select coalesce(jsonb_agg(jsonb_build_object('ordinal', p.ordinal, 'user_name', p.user_name, 'domain_id', p.domain_id, 'name', p.name,
                    'set_places', p.set_places, 'query_count', p.query_count, 'mean_difference', p.mean_difference,
                    'log_e_worse', p.log_e_worse, 'is_harmed', p.ordinal = any (c.held)) order by p.ordinal), '[]') from parts p, claims c),
            (select coalesce(sum(n.count), 0) from unnest(query_counts) with ordinality n (count, place)
                where n.place in (select unnest(p.set_places) from parts p, claims c where p.ordinal = any (c.held)))
        into log_e, log_e_worse, strata, harmed_count;
        select avg(d), stddev_samp(d) / sqrt(count(*)) into mean_difference, standard_error from unnest(differences) d;
        is_too_harmful := harmed_count > c_harmed_share_max * query_count;
    end if;
    words := ls.words_of_evidence(p_version_id, policy, margin, incumbent, incumbent_version_id, incumbent_version_ids, v_left_out, v_exempt, query_count,
        tried_count, log_e, log_e_worse, threshold, mean_difference, missing, strata, harmed_count, is_too_harmful);
    return next;
end
$$;
comment on function ls.judge(bigint, jsonb, boolean) is
    'The evidence for a version against who would serve without it, on the current test sets: the e-value as log_e, what it is '
    'made of, whom it would harm, and what is missing. With true: against who would serve without its ranker. Reads only. Refuses an unknown version (LS013).';
