-- ls.version_ranker(version) -> the ranker the version belongs to, or LS013: unknown, or forgotten.
-- Called by: every function that is given a version.
create or replace function ls.version_ranker(p_version_id bigint)
returns bigint
language plpgsql stable
as $$
declare
    v_ranker_id bigint;
    v_forgotten_at timestamptz;
begin
    select ranker_id, forgotten_at into v_ranker_id, v_forgotten_at from ls.ranker_version where version_id = p_version_id;
    if v_ranker_id is null then
        perform ls.refuse('LS013', format('cannot use version %s: no version has this id', coalesce(p_version_id::text, 'null')),
            'select version_id, version from ls.version_lineage lists the versions');
    end if;
    if v_forgotten_at is not null then
        perform ls.refuse('LS013', format('cannot use version %s: it learned from a user who was forgotten', p_version_id));
    end if;
    return v_ranker_id;
end
$$;
comment on function ls.version_ranker(bigint) is 'The ranker a version belongs to; an unknown version is refused.';
