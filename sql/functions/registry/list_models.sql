-- ls.list_models(users, domains, base models, after, limit) -> what a key of this scope may name, a page at a time: each base
-- model, then its rankers that have a champion, by owner, domain and key. Null: any user, domain (patterns), base model.
-- A row without a name is the last: there is more, to be asked for after its place. A place is
-- 'base model.owner.domain.ranker', numbers that go on from where the page ended whatever was added or taken away.
-- A page costs the same at any size: rankers are found by index, by owner where the scope names users and by domain where it
-- names at most a thousand domains, and at most 10,000 are looked at, after which the page ends, shorter than was asked for.
-- Called by: LedgerStore.models.
create or replace function ls.list_models(p_users text[] default null, p_domains text[] default null, p_base_models text[] default null,
    p_after text default null, p_limit integer default 100)
returns table (place text, name text, user_name text, kind text, champion integer)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
    c_look_max constant integer := 10000;
    c_domain_max constant integer := 1000;
    v_after bigint[];
    v_owners text[] := array[null];  -- null: all
    v_domains bigint[];              -- null: all; 0: of no domain
    v_base record;
    v_owner integer;
    v_domain bigint;
    v_ranker record;
    v_left integer := c_look_max;
    v_count integer := 0;
    v_place text;                    -- after which the next page goes on
begin
    if p_limit is null or p_limit not between 1 and 1000 then
        perform ls.refuse('LS001', format('cannot list %s models: expected 1 to 1000', p_limit));
    end if;
    if p_after !~ '^[0-9]{1,18}\.[0-9]{1,9}(\.[0-9]{1,18}){2}$' then
        perform ls.refuse('LS001', format('cannot go on after ''%s'': no page ended there', left(p_after, 80)), 'begin again without it');
    end if;
    v_after := string_to_array(coalesce(p_after, '0.0.0.0'), '.')::bigint[];
    if p_users is not null then
        select array_agg(u.name order by u.name collate "C") into v_owners from (
            select unnest(p_users) as name union select '') u;
    end if;
    if p_domains is not null then
        select array_agg(f.domain_id order by f.domain_id) into v_domains from (
            select 0 as domain_id union select d.domain_id from unnest(p_domains) p (pattern)
                cross join lateral (
                    select i.domain_id from ls.domain i where i.name = p.pattern
                    union all
                    (select i.domain_id from ls.domain i
                    where right(p.pattern, 2) = '/*' and i.name collate "C" >= left(p.pattern, -1)
                        and i.name collate "C" < left(p.pattern, -2) || '0'  -- what follows '/'
                    limit c_domain_max)) d
            limit c_domain_max + 1) f;
        if cardinality(v_domains) > c_domain_max then
            v_domains := null;
        end if;
    end if;

    for v_base in
        select b.base_model_id, b.name from ls.base_model b
        where b.base_model_id >= v_after[1] and (p_base_models is null or b.name = any (p_base_models)) order by b.base_model_id
    loop
        if v_base.base_model_id > v_after[1] then
            v_after := array[v_base.base_model_id, 0, 0, 0];
            if v_count = p_limit then
                return query select v_place, null::text, null::text, null::text, null::integer;
                return;
            end if;
            v_count := v_count + 1;
            v_place := array_to_string(v_after, '.');
            return query select v_place, v_base.name, null::text, null::text, null::integer;
        end if;
        for v_owner in greatest(v_after[2], 1) .. cardinality(v_owners) loop
            if v_owner > v_after[2] then
                v_after := array[v_base.base_model_id, v_owner, 0, 0];
            end if;
            foreach v_domain in array coalesce(v_domains, array[null::bigint]) loop
                continue when v_domain < v_after[3];
                if v_domain > v_after[3] then
                    v_after := array[v_base.base_model_id, v_owner, v_domain, 0];
                end if;
                v_left := v_left - 1;
                for v_ranker in
                    select r.ranker_id, r.at_domain, r.name, r.user_name, r.kind,
                        (select d.name from ls.domain d where d.domain_id = r.domain_id) as domain,
                        (select v.number from ls.ranker_alias a join ls.ranker_version v on v.version_id = a.version_id
                            where a.ranker_id = r.ranker_id and a.alias = 'champion') as champion
                    from (  -- one of the four, in the order of its index: by equality of the domain the primary key would do, too
                        (select k.*, v_domain as at_domain from ls.ranker k
                            where v_owners[v_owner] is not null and v_domain is not null
                                and k.base_model_id = v_base.base_model_id and coalesce(k.user_name, '') = v_owners[v_owner]
                                and (coalesce(k.domain_id, 0), k.ranker_id) > (v_domain, v_after[4])
                                and (coalesce(k.domain_id, 0), k.ranker_id) < (v_domain + 1, 0)
                            order by coalesce(k.domain_id, 0), k.ranker_id limit greatest(v_left, 0))
                        union all
                        (select k.*, coalesce(k.domain_id, 0) from ls.ranker k
                            where v_owners[v_owner] is not null and v_domain is null
                                and k.base_model_id = v_base.base_model_id and coalesce(k.user_name, '') = v_owners[v_owner]
                                and (coalesce(k.domain_id, 0), k.ranker_id) > (v_after[3], v_after[4])
                            order by coalesce(k.domain_id, 0), k.ranker_id limit greatest(v_left, 0))
                        union all
                        (select k.*, v_domain from ls.ranker k
                            where v_owners[v_owner] is null and v_domain is not null
                                and k.base_model_id = v_base.base_model_id
                                and (coalesce(k.domain_id, 0), k.ranker_id) > (v_domain, v_after[4])
                                and (coalesce(k.domain_id, 0), k.ranker_id) < (v_domain + 1, 0)
                            order by coalesce(k.domain_id, 0), k.ranker_id limit greatest(v_left, 0))
                        union all
                        (select k.*, coalesce(k.domain_id, 0) from ls.ranker k
                            where v_owners[v_owner] is null and v_domain is null and k.base_model_id = v_base.base_model_id
                                and (coalesce(k.domain_id, 0), k.ranker_id) > (v_after[3], v_after[4])
                            order by coalesce(k.domain_id, 0), k.ranker_id limit greatest(v_left, 0))) r
                loop
                    if v_ranker.champion is not null
                        and (p_domains is null or v_ranker.domain is null
                            or exists (select from unnest(p_domains) p where ls.domain_matches(v_ranker.domain, p)))
                    then
                        if v_count = p_limit then
                            return query select v_place, null::text, null::text, null::text, null::integer;
                            return;
                        end if;
                        v_count := v_count + 1;
                        v_place := concat_ws('.', v_base.base_model_id, v_owner, v_ranker.at_domain, v_ranker.ranker_id);
                        return query select v_place, v_ranker.name, v_ranker.user_name, v_ranker.kind, v_ranker.champion;
                    end if;
                    v_left := v_left - 1;
                    v_after := array[v_base.base_model_id, v_owner, v_ranker.at_domain, v_ranker.ranker_id];
                end loop;
                if v_left <= 0 then
                    return query select array_to_string(v_after, '.'), null::text, null::text, null::text, null::integer;
                    return;
                end if;
            end loop;
        end loop;
    end loop;
end
$$;
comment on function ls.list_models(text[], text[], text[], text, integer) is
    'One page of the models that a key of this scope may name: base models, each with its rankers that have a champion. A row without a name means that more follow after its place. Refuses a page size outside of 1 to 1000, and an invalid place (LS001).';
