-- ls.words_of_evidence(version, and what ls.judge found) -> the same in a sentence for people: who the incumbent is, by how many
-- points the version is better, on how many queries, how much that proves, for whom it would be worse,
-- and how many test sets do not count, because others serve their requests or they are exempt from the champion.
-- Called by: judge.
create or replace function ls.words_of_evidence(p_version_id bigint, p_policy text, p_margin double precision, p_incumbent text,
    p_incumbent_version_id bigint, p_incumbent_version_ids bigint[], p_left_out_count integer, p_exempt_count integer, p_query_count integer, p_tried_count integer, p_log_e double precision, p_log_e_worse double precision,
    p_threshold double precision, p_mean_difference double precision, p_missing text, p_strata jsonb, p_harmed_count integer,
    p_is_too_harmful boolean)
returns text
language sql stable
as $$
    select case
        when p_missing is not null then format('not proven: %s', p_missing)
        when p_policy = 'manual' then format('its policy is manual: a person decides; %s points against %s on %s queries, e = %s%s%s',
            ls.points(p_mean_difference), n.other, p_query_count, ls.words_of_e(p_log_e), '; worse for ' || h.names, n.left_out)
        else format('%s%s than %s: %s points on %s queries, e = %s%s, 20 asked for%s%s%s',
            case when p_log_e >= p_threshold then '' else 'not proven ' end,
            case when p_policy = 'not_worse' then format('not worse by more than %s points', trim_scale(round((100 * p_margin)::numeric, 2)))
                else 'better' end,
            n.other, ls.points(p_mean_difference), p_query_count, ls.words_of_e(p_log_e),
            case when p_tried_count = 1 then ''
                when exists (select from ls.sweep w where w.best_version_id = p_version_id)
                    then format(' (divided by the %s of which the sweep chose it)', p_tried_count)
                else format(' (divided by the %s of its sweep)', p_tried_count) end,
            case when p_log_e_worse >= p_threshold then format('; it is worse, e = %s', ls.words_of_e(p_log_e_worse)) else '' end,
            case when h.names is null then ''
                when p_is_too_harmful then format('; worse for %s: %s %% of the queries, at most 10 %% may be', h.names,
                    trim_scale(round(100.0 * p_harmed_count / p_query_count, 1)))
                else format('; worse for %s, which keep%s what serves now', h.names, case h.count when 1 then 's' else '' end) end, n.left_out) end
    from (select case when p_incumbent_version_id is null then 'the first sample'
                when i.ranker_id = v.ranker_id then format('the %s, version %s', p_incumbent, i.number)
                else format('''%s'' version %s, which serves these requests without it (%s)', r.name, i.number, p_incumbent) end
                || coalesce(', and than ' || o.names, '') || case when o.count > 3 then format(' and %s others', o.count - 3) else '' end as other,
                case p_left_out_count when 0 then '' when 1 then '; one test set does not count, as others serve its requests'
                    else format('; %s test sets do not count, as others serve their requests', p_left_out_count) end
                || case p_exempt_count when 0 then '' when 1 then '; one test set does not count, as its requests are exempt from the champion'
                    else format('; %s test sets do not count, as their requests are exempt from the champion', p_exempt_count) end as left_out
            from ls.ranker_version v
                left join ls.ranker_version i on i.version_id = p_incumbent_version_id
                left join ls.ranker r on r.ranker_id = i.ranker_id
                -- The first of many.
                cross join lateral (select count(*) as count, string_agg(x.name, ' and ' order by x.ordinal) filter (where x.ordinal <= 3) as names
                    from (select case when e.version_id is null then 'the first sample' else format('''%s'' version %s', q.name, y.number) end as name,
                            row_number() over (order by e.version_id) as ordinal
                        from (select distinct unnest(p_incumbent_version_ids) as version_id) e
                            left join ls.ranker_version y on y.version_id = e.version_id left join ls.ranker q on q.ranker_id = y.ranker_id
                        where e.version_id is distinct from p_incumbent_version_id) x) o
            where v.version_id = p_version_id) n,
        -- The first of many; all of them are in ls.promotion_stratum.
        (select string_agg(format('%s''%s'' (%s points on %s queries)', case when s.user_name is not null then 'user ' end, s.name,
                ls.points(s.mean_difference), s.query_count), ', ' order by s.ordinal) filter (where s.place <= 5)
                || case when count(*) > 5 then format(' and %s others', count(*) - 5) else '' end as names, count(*) as count
            from (select x.*, row_number() over (order by x.ordinal) as place
                from jsonb_to_recordset(p_strata) x (ordinal integer, user_name text, name text, mean_difference double precision,
                    query_count integer, is_harmed boolean) where x.is_harmed) s) h;
$$;
comment on function ls.words_of_evidence(bigint, text, double precision, text, bigint, bigint[], integer, integer, integer, integer, double precision, double precision,
    double precision, double precision, text, jsonb, integer, boolean) is 'What the evidence for a version says, in a sentence.';
