-- ls.read_decision(request) -> what was decided for a request, with what is needed to score it again: what was served, and
-- shadows. An unknown request is LS018. Called by: LedgerStore.decisions, for `lscoord replay`; an admin.
create or replace function ls.read_decision(p_request text)
returns table (request_id text, served_at timestamptz, role text, model text, user_name text, domain text, ranker_name text,
    version_number integer, digest bytea, reason text, rule text, is_fallback boolean, worker text, is_central boolean, arithmetic text,
    candidate_count integer, hidden_size integer, dtype text, features bytea, scores real[])
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    return query
        select d.request_id, d.served_at, d.role, d.model, d.user_name, d.domain, r.name, v.number, d.digest, d.reason, d.rule, d.is_fallback,
            (select w.name from ls.worker w where w.worker_id = d.worker_id), r.home_worker_id is null, d.arithmetic, d.candidate_count, d.hidden_size,
            d.dtype, d.features, d.scores
        from ls.decision d join ls.ranker_version v on v.version_id = d.version_id join ls.ranker r on r.ranker_id = v.ranker_id
        where d.request_id = p_request
        order by d.role = 'serve' desc, d.served_at desc, v.version_id
        limit 8;
    if not found then
        perform ls.refuse('LS018', format('cannot find request ''%s'': no decision was kept under this id', left(p_request, 80)),
            'a sample is kept, for as long as ls.task_retention says; select request_id from ls.decision_log lists it');
    end if;
end
$$;
comment on function ls.read_decision(text) is
    'What was decided for a request, and what is needed to score it again. Refuses a request of which nothing was kept (LS018).';
