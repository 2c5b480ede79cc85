-- ls.words_of_judgement(version, configuration) -> what ls.judge found, in a sentence for people.
-- Called by: LedgerStore.judge, an operator.
create or replace function ls.words_of_judgement(p_version_id bigint, p_configuration jsonb default null)
returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
    select words from ls.judge(p_version_id, p_configuration);
$$;
comment on function ls.words_of_judgement(bigint, jsonb) is
    'What the evidence for a version says, in a sentence. Reads only. Refuses an unknown version (LS013).';
