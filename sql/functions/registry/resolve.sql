-- ls.resolve(reference, user, domain) -> the version that a name means: 'ranker' (its champion), 'ranker:alias' or
-- 'ranker@number'. Asked for by a user and for a domain that the champion was proven worse for, 'ranker' is the version that they keep
-- (ls.exemption), where they keep one. An unknown ranker is LS012, an unknown alias or number LS013.
-- Called by: LedgerStore.resolve, when a request names a ranker; an operator.
create or replace function ls.resolve(p_reference text, p_user text default null, p_domain text default null)
returns table (reason text, ranker_id bigint, ranker_name text, base_model text, user_name text, domain text, kind text, configuration jsonb,
    version_id bigint, version_number integer, digest bytea, byte_count bigint, worker_id bigint, worker text, is_central boolean,
    is_champion boolean, has_combiner boolean)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_parts text[] := regexp_match(p_reference, '^([^:@]+)(?::([^:@]*)|@([^:@]*))?$');
    v_ranker_id bigint;
    v_version_id bigint;
begin
    if v_parts is null then
        perform ls.refuse('LS012', format('cannot use ''%s'' as a ranker: expected ranker, ranker:alias or ranker@number', left(p_reference, 450)));
    end if;
    v_ranker_id := ls.ranker_id(v_parts[1]);
    if v_parts[3] is null then
        select a.version_id into v_version_id from ls.ranker_alias a
        where a.ranker_id = v_ranker_id and a.alias = coalesce(v_parts[2], 'champion');
        if v_version_id is null then
            perform ls.refuse('LS013', format('cannot use ''%s'': the ranker has no version with alias ''%s''',
                p_reference, coalesce(v_parts[2], 'champion')),
                coalesce((select format('name a version, the newest is %s@%s%s', v_parts[1], max(v.number),
                        case when coalesce(v_parts[2], 'champion') = 'champion' then '; lscoord promote --anyway makes one champion' else '' end)
                    from ls.ranker_version v where v.ranker_id = v_ranker_id having count(*) > 0), 'train it first: lscoord train'));
        end if;
        if v_parts[2] is null and (p_user is not null or p_domain is not null) then
            v_version_id := coalesce(ls.served_version(v_ranker_id, v_version_id, p_user, ls.broader_domains(p_domain)), v_version_id);
        end if;
    else
        select v.version_id into v_version_id from ls.ranker_version v
        where v.ranker_id = v_ranker_id and v.number::text = v_parts[3];
        if v_version_id is null then
            perform ls.refuse('LS013', format('cannot use ''%s'': the ranker has no such version, its newest is %s', p_reference,
                coalesce((select max(v.number)::text from ls.ranker_version v where v.ranker_id = v_ranker_id), 'none')));
        end if;
    end if;
    perform ls.version_ranker(v_version_id);
    return query select 'named', c.* from ls.route_choice(v_version_id) c;
end
$$;
comment on function ls.resolve(text, text, text) is
    'The version that ''ranker'' (its champion), ''ranker:alias'' or ''ranker@number'' names, in one row; whom the champion was proven worse for gets the version that they keep. Refuses an unknown ranker (LS012), alias or number (LS013).';
