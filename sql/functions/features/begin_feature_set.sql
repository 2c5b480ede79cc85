-- ls.begin_feature_set(digest, …) -> feature set id, whether it is already stored.
-- First step of an import, which is one transaction: this, COPY into ls.feature_chunk and ls.query,
-- then finish_feature_set. The same bytes again: the same id and already_stored, and nothing more is
-- to be done. Of two importers of the same bytes one waits here for the other to commit.
-- Called by: LedgerStore.importFeatureSet.
create or replace function ls.begin_feature_set(
    p_digest bytea, p_byte_count bigint, p_base_model text, p_domain text, p_split text, p_user text,
    p_label_kind text, p_hidden_size integer, p_query_count integer, p_response_count bigint,
    p_layer integer default null, p_layer_fraction double precision default null, p_by text default null)
returns table (feature_set_id bigint, already_stored boolean)
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    v_base ls.base_model;
    v_domain_id bigint := ls.domain_id(p_domain);
    v_old ls.feature_set;
    v_id bigint;
begin
    select * into strict v_base from ls.base_model where base_model_id = ls.base_model_id(p_base_model);
    if v_base.hidden_size is distinct from p_hidden_size then
        perform ls.refuse('LS004', format('cannot import features of ''%s'': found hidden size %s, expected %s',
            p_base_model, coalesce(p_hidden_size::text, 'null'), v_base.hidden_size));
    end if;
    if v_base.layer <> p_layer then
        perform ls.refuse('LS004', format('cannot import features of ''%s'': found layer %s, expected %s',
            p_base_model, p_layer, v_base.layer));
    end if;
    if abs(v_base.layer_fraction - p_layer_fraction) > 0.005 then
        perform ls.refuse('LS004', format('cannot import features of ''%s'': found layer fraction %s, expected %s',
            p_base_model, p_layer_fraction, v_base.layer_fraction));
    end if;
    if (octet_length(p_digest) = 32 and p_split in ('train', 'test') and p_label_kind in ('binary', 'score')
        and p_query_count >= 1 and p_response_count >= p_query_count and p_byte_count >= 1) is not true
    then
        perform ls.refuse('LS001', format('cannot import a feature set of ''%s'': found split ''%s'', label kind ''%s'', %s queries, %s responses, %s bytes',
            p_domain, coalesce(p_split, 'null'), coalesce(p_label_kind, 'null'), coalesce(p_query_count::text, 'null'),
            coalesce(p_response_count::text, 'null'), coalesce(p_byte_count::text, 'null')));
    end if;

    loop
        insert into ls.feature_set as f (base_model_id, domain_id, split, user_name, digest,
            byte_count, label_kind, query_count, response_count, imported_by)
        values (v_base.base_model_id, v_domain_id, p_split, p_user, p_digest, p_byte_count,
            p_label_kind, p_query_count, p_response_count, coalesce(p_by, session_user))
        on conflict on constraint feature_set_digest_is_unique do nothing
        returning f.feature_set_id into v_id;
        if v_id is not null then
            return query select v_id, false;
            return;
        end if;
        select f.* into v_old from ls.feature_set f where f.digest = p_digest for update;
        exit when found;  -- else whoever forgot its user took it away while we waited
    end loop;
    if (v_old.base_model_id, v_old.domain_id, v_old.split, v_old.user_name)
        is distinct from (v_base.base_model_id, v_domain_id, p_split, p_user)
    then
        perform ls.refuse('LS020', format('cannot import feature set %s… as ''%s'' %s: the same bytes are stored as ''%s'' %s',
            ls.short_digest(p_digest), p_domain, p_split,
            (select name from ls.domain where domain_id = v_old.domain_id), v_old.split));
    end if;
    if v_old.home_worker_id is not null then  -- until now only its worker had the bytes
        update ls.feature_set f set home_worker_id = null, ready_at = null, dropped_at = null where f.feature_set_id = v_old.feature_set_id;
    elsif v_old.ready_at is null then  -- dropped before: its bytes come again
        update ls.feature_set f set dropped_at = null where f.feature_set_id = v_old.feature_set_id;
    end if;
    return query select v_old.feature_set_id, v_old.ready_at is not null and v_old.home_worker_id is null;
end
$$;
comment on function ls.begin_feature_set(bytea, bigint, text, text, text, text, text, integer, integer, bigint, integer, double precision, text) is
    'First step of an import: creates the feature set, or returns the one whose bytes are stored already. Refuses an unknown base '
    'model or domain (LS010, LS011), another contract (LS004), invalid values (LS001), and bytes that are stored as '
    'another set (LS020).';
