-- ls.judge(version, configuration) -> the evidence for the version against its incumbent, in one row. Reads only.
-- On each query of the current test sets of the ranker's domain: the mean label of the version's picks minus that of the
-- incumbent's, divided by the width of the labels' range (ls.differences). log_e is of what the ranker's policy asks for
-- ('better', or 'not_worse' by more than margin than the anchor: the champion, or whom that one had only to be not worse than, so
-- that margins do not add up), less ln(tried_count): the best of so many versions of a sweep has to pay for having been chosen. It is enough from
-- threshold on. missing says what keeps the gate from deciding, null when nothing does; asks_for the version whose figures
-- would help. version_values and incumbent_values are query by query, in the order of feature_set_ids, of which the first has
-- query_counts[1] queries.
-- Called by: consider_promotion, LedgerStore.judge, an operator.
create or replace function ls.judge(p_version_id bigint, p_configuration jsonb default null)
returns table (policy text, margin double precision, incumbent text, incumbent_version_id bigint, feature_set_ids bigint[],
    query_counts integer[], widths double precision[], version_values real[], incumbent_values real[], query_count integer,
    tried_count integer, log_e double precision, log_e_worse double precision, threshold double precision,
    differences double precision[], mean_difference double precision, standard_error double precision, missing text, asks_for bigint)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_configuration jsonb := coalesce(p_configuration, ls.default_evaluation_configuration());
    v_ranker ls.ranker;
    v_domain text;
    v_champion_id bigint;
    v_set record;
    c_query_count_min constant integer := 30;
    c_query_count_max constant integer := 10000;  -- of one set: more picks than a report holds
begin
    select * into v_ranker from ls.ranker r where r.ranker_id = ls.version_ranker(p_version_id);
    select d.name into v_domain from ls.domain d where d.domain_id = v_ranker.domain_id;
    select p.policy, p.margin into policy, margin from ls.promotion_policy p where p.ranker_id = v_ranker.ranker_id;
    policy := coalesce(policy, 'better');
    threshold := ln(20::double precision);
    select i.version_id, i.reason into incumbent_version_id, incumbent from ls.incumbent(p_version_id) i;
    if policy = 'not_worse' and incumbent = 'champion' then
        incumbent := 'anchor';
        v_champion_id := incumbent_version_id;
        -- The one that a person named, else whom the champion had only to be not worse than, else the champion: so it is the last that was
        -- better, or that a person put there. What a check of evaluations put there stands for itself: those before it may be found out.
        incumbent_version_id := coalesce(
            (select a.version_id from ls.ranker_alias a where a.ranker_id = v_ranker.ranker_id and a.alias = 'anchor'),
            (select v.version_id from (select l.policy, l.incumbent_version_id from ls.promotion_decision l
                    where l.version_id = v_champion_id and l.promoted order by l.promotion_decision_id desc limit 1) d
                join ls.ranker_version v on v.version_id = d.incumbent_version_id and v.ranker_id = v_ranker.ranker_id
            where d.policy = 'not_worse' and v.forgotten_at is null
                and (select ls.mover(h.moved_by, h.reason) from ls.alias_history h
                    where h.ranker_id = v_ranker.ranker_id and h.alias = 'champion' order by h.alias_history_id desc limit 1) <> 'check'),
            v_champion_id);
    end if;
    select coalesce(max(n.tried), 1) into tried_count from ls.sweep s
        cross join lateral (select count(*)::integer as tried from ls.sweep_entry e where e.sweep_id = s.sweep_id) n
    where s.best_version_id = p_version_id and ls.is_only_swept(p_version_id);
    feature_set_ids := '{}';
    query_counts := '{}';
    widths := '{}';
    version_values := '{}';
    incumbent_values := '{}';
    differences := '{}';
    for v_set in
        select c.feature_set_id, f.query_count, d.name as domain,
            mine.evaluation_id is not null as is_measured, mine.query_values as mine,
            theirs.evaluation_id is not null as is_incumbent_measured,
            case when incumbent_version_id is null then b.first_sample_values else theirs.query_values end as theirs,
            case when f.label_kind = 'binary' then 1 else nullif(b.label_high - b.label_low, 0) end as width
        from ls.current_feature_sets(v_ranker.base_model_id, v_domain, 'test', v_ranker.user_name) c
            join ls.feature_set f on f.feature_set_id = c.feature_set_id
            join ls.domain d on d.domain_id = f.domain_id
            left join ls.evaluation mine on mine.version_id = p_version_id and mine.feature_set_id = c.feature_set_id
                and mine.configuration = v_configuration
            left join ls.evaluation theirs on theirs.version_id = incumbent_version_id and theirs.feature_set_id = c.feature_set_id
                and theirs.configuration = v_configuration
            left join ls.baseline b on b.feature_set_id = c.feature_set_id and b.configuration = v_configuration
        order by c.feature_set_id
    loop
        feature_set_ids := feature_set_ids || v_set.feature_set_id;
        query_counts := query_counts || v_set.query_count;
        widths := widths || v_set.width::double precision;
        continue when missing is not null;
        if v_set.query_count > c_query_count_max then
            missing := format('the test set of ''%s'' has %s queries, the gate compares at most %s', v_set.domain, v_set.query_count,
                c_query_count_max);
        elsif not v_set.is_measured then
            missing := format('the version has not been measured on the test set of ''%s''', v_set.domain);
            asks_for := p_version_id;
        elsif v_set.mine is null then
            missing := format('the figures of the version on the test set of ''%s'' say nothing of single queries', v_set.domain);
            asks_for := p_version_id;
        elsif incumbent_version_id is not null and not v_set.is_incumbent_measured then
            missing := format('the incumbent has not been measured on the test set of ''%s''', v_set.domain);
            asks_for := incumbent_version_id;
        elsif v_set.theirs is null then
            missing := format('the figures of the %s on the test set of ''%s'' say nothing of single queries',
                case when incumbent_version_id is null then 'first sample' else 'incumbent' end, v_set.domain);
            asks_for := coalesce(incumbent_version_id, p_version_id);
        elsif v_set.width is null then
            missing := format('the labels of the test set of ''%s'' are scores, and all are the same or nobody said between which bounds '
                'they lie', v_set.domain);
            asks_for := p_version_id;
        elsif cardinality(v_set.mine) <> v_set.query_count or cardinality(v_set.theirs) <> v_set.query_count then
            missing := format('the figures on the test set of ''%s'' are not of its %s queries', v_set.domain, v_set.query_count);
        else
            version_values := version_values || v_set.mine;
            incumbent_values := incumbent_values || v_set.theirs;
        end if;
    end loop;
    query_count := (select coalesce(sum(n), 0) from unnest(query_counts) n);
    if cardinality(feature_set_ids) = 0 then
        missing := format('there is no test feature set of %s', coalesce('domain ''' || v_domain || '''', 'any domain'));
    elsif missing is null and query_count < c_query_count_min then
        missing := format('its test sets have %s queries, the gate needs %s or more', query_count, c_query_count_min);
    end if;
    if missing is null then
        differences := ls.differences(version_values, incumbent_values, query_counts, widths);
        select avg(d), stddev_samp(d) / sqrt(count(*)) into mean_difference, standard_error from unnest(differences) d;
        log_e := ls.log_e(ls.log_sums(case when policy = 'not_worse'
            then array(select (d + margin) / (1 + margin) from unnest(differences) d) else differences end)) - ln(tried_count::double precision);
        log_e_worse := ls.log_e(ls.log_sums(array(select -d from unnest(differences) d)));
    end if;
    return next;
end
$$;
comment on function ls.judge(bigint, jsonb) is
    'The evidence for a version against who would serve without it, on the current test sets: the e-value as log_e, what it is '
    'made of, and what is missing. Reads only. Refuses an unknown version (LS013).';
