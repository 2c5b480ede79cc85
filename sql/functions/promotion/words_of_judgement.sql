-- ls.words_of_judgement(version, configuration) -> what ls.judge found, in a sentence for people: who the incumbent is, by how many
-- points the version is better, on how many queries, and how much that proves.
-- Called by: consider_promotion, LedgerStore.judge, an operator.
create or replace function ls.words_of_judgement(p_version_id bigint, p_configuration jsonb default null)
returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    with judged as (
        select j.*, case when j.incumbent_version_id is null then 'the first sample'
            when i.ranker_id = v.ranker_id then format('the %s, version %s', j.incumbent, i.number)
            else format('''%s'' version %s, which serves these requests without it (%s)', r.name, i.number, j.incumbent) end as other
        from ls.judge(p_version_id, p_configuration) j
            join ls.ranker_version v on v.version_id = p_version_id
            left join ls.ranker_version i on i.version_id = j.incumbent_version_id
            left join ls.ranker r on r.ranker_id = i.ranker_id
    )
    select case
        when missing is not null then format('not proven: %s', missing)
        when policy = 'manual' then format('its policy is manual: a person decides; %s points against %s on %s queries, e = %s',
            ls.points(mean_difference), other, query_count, ls.words_of_e(log_e))
        else format('%s%s than %s: %s points on %s queries, e = %s%s, 20 asked for%s',
            case when log_e >= threshold then '' else 'not proven ' end,
            case when policy = 'not_worse' then format('not worse by more than %s points', trim_scale(round((100 * margin)::numeric, 2)))
                else 'better' end,
            other, ls.points(mean_difference), query_count, ls.words_of_e(log_e),
            case when tried_count > 1 then format(' (divided by the %s of which the sweep chose it)', tried_count) else '' end,
            case when log_e_worse >= threshold then format('; it is worse, e = %s', ls.words_of_e(log_e_worse)) else '' end) end
    from judged;
$$;
comment on function ls.words_of_judgement(bigint, jsonb) is
    'What the evidence for a version says, in a sentence. Reads only. Refuses an unknown version (LS013).';
