-- What a key may name, a page at a time: all of it once, nothing else, and without looking at everything.
begin;
select plan(23);
select fixture.base_model();
select ls.register_base_model('other', 4);
create function pg_temp.add(p_domain text, p_user text default null, p_kind text default 'listwise') returns bigint language sql as $$
    select fixture.champion(fixture.ranker(p_domain, p_kind, p_user), concat(p_domain, p_kind, p_user)) $$;
select pg_temp.add(d, u) from unnest(array[null, 'math/algebra', 'math/geometry', 'code']) d, unnest(array[null, 'ada', 'ben', 'eve']) u;
select fixture.ranker('code', 'pointwise');  -- no champion
-- All pages one after the other; each page's size.
create function pg_temp.pages(p_limit integer, p_users text[] default null, p_domains text[] default null, p_base_models text[] default null)
returns table (names text[], sizes integer[]) language plpgsql as $$
declare v_after text; v_page text[]; v_more text;
begin
    names := '{}'; sizes := '{}';
    loop
        select coalesce(array_agg(m.name) filter (where m.name is not null), '{}'), max(m.place) filter (where m.name is null) into v_page, v_more
        from ls.list_models(p_users, p_domains, p_base_models, v_after, p_limit) m;
        names := names || v_page; sizes := sizes || cardinality(v_page);
        exit when v_more is null;
        v_after := v_more;
    end loop;
    return next;
end $$;
-- The rule, spelled out.
create function pg_temp.visible(p_users text[], p_domains text[], p_base_models text[]) returns text[] language sql as $$
    select array_agg(name order by name collate "C") from (
        select b.name from ls.base_model b where p_base_models is null or b.name = any (p_base_models)
        union all
        select s.name from ls.ranker_status s where s.champion is not null and (p_base_models is null or s.base_model = any (p_base_models))
            and (p_users is null or s.user_name is null or s.user_name = any (p_users))
            and (p_domains is null or s.domain is null or exists (select from unnest(p_domains) p where ls.domain_matches(s.domain, p)))) v $$;
create temporary table scope (u text[], d text[], b text[]);
insert into scope select u::text[], d::text[], b::text[] from unnest(array[null, '{ada}', '{eve,ada,nobody}', '{ada,ada}']) u, unnest(array[null, '{code}', '{math/*}', '{math/*,code}', '{nowhere,math/geometry}']) d, unnest(array[null, '{tiny}', '{other}', '{none}']) b;
select is_empty($$ select s.*, n from scope s, generate_series(1, 4) n, pg_temp.pages(n, s.u, s.d, s.b) p
    where (select coalesce(array_agg(x order by x collate "C"), '{}') from unnest(p.names) x) <> coalesce(pg_temp.visible(s.u, s.d, s.b), '{}') $$,
    'every scope sees all that it may name once, and nothing else, whatever the size of a page');
select is((select sizes from pg_temp.pages(5)), '{5,5,5,3}', 'pages are full but for the last');
select is((select sizes from pg_temp.pages(18)), '{18}', 'and say when there is no more');
select is((select sizes from pg_temp.pages(17)), '{17,1}', 'or one more');
select is((select names[1] from pg_temp.pages(18)), 'tiny', 'a base model comes before its rankers');
select results_eq($$ select name, user_name, kind, champion from ls.list_models('{ada}', '{code}') where user_name is not null $$,
    $$ values ('~ada.listwise', 'ada', 'listwise', 1), ('~ada/code.listwise', 'ada', 'listwise', 1) $$, 'with whose it is, its kind and its champion');
select is((select count(*) from ls.list_models() where name = 'code.pointwise'), 0::bigint, 'a ranker without a champion is not among them');
-- What was added or taken away meanwhile moves nobody.
create temporary table first_page as select * from ls.list_models(p_limit => 6);
select ls.remove_alias(name, 'champion', 'gone') from first_page where kind is not null order by place limit 3;
select is((select array_agg(name) from ls.list_models(p_after => (select place from first_page where name is null), p_limit => 100)),
    (select (array_agg(name))[4:] from ls.list_models(p_limit => 100)), 'a page goes on where the one before ended, though rankers went');
-- Ten thousand of somebody else's domain are looked at by nobody, or in several pages.
insert into ls.ranker (name, base_model_id, user_name, domain_id, kind, configuration, training)
select 'many' || i, b.base_model_id, case when i % 2 = 0 then 'u' || i end, d.domain_id, 'listwise', '{}', '{}'
from generate_series(1, 25000) i, ls.base_model b, ls.domain d where b.name = 'tiny' and d.name = 'code';
insert into ls.ranker_version (ranker_id, number, digest, added_by) select r.ranker_id, 1, w.digest, 'me' from ls.ranker r, (select digest from ls.ranker_weights limit 1) w where r.name like 'many%';
insert into ls.ranker_alias (ranker_id, alias, version_id) select v.ranker_id, 'champion', v.version_id from ls.ranker_version v join ls.ranker r using (ranker_id) where r.name like 'many%';
select is((select sizes from pg_temp.pages(1000, '{ada}', '{math/*}')), array[cardinality(pg_temp.visible('{ada}', '{math/*}', null))], 'by owner and domain, those of others are not looked at');
select is((select sizes from pg_temp.pages(1000, '{u2,u4}', '{code,math/*}')) [1], 1000, 'nor by owner');
select ls.register_domain('wide/d' || i) from generate_series(1, 1200) i;
select is((select array_agg(x order by x) from pg_temp.pages(1000, '{ada}', '{wide/*,math/*}') p, unnest(p.names) x),
    pg_temp.visible('{ada}', '{wide/*,math/*}', null), 'more domains than can be looked up are sorted out');
select cmp_ok((select cardinality(sizes) from pg_temp.pages(1000, '{ada}', '{wide/*,math/*}')), '>', 1, 'in several pages, none of which looks at everything');
select is((select count(*) from ls.list_models(p_limit => 1000)), 1001::bigint, 'a page has a thousand at most, and says that there are more');
analyze ls.ranker; analyze ls.ranker_alias; analyze ls.ranker_version; analyze ls.domain;
-- Rows read to answer: of 25,000 rankers a page of five reads a few.
create function pg_temp.tuples_read() returns bigint language sql as $$
    select sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint from pg_class c where relnamespace = 'ls'::regnamespace and relkind in ('r', 'i') and (c.relname in ('ranker', 'ranker_version', 'ranker_alias', 'domain')
        or exists (select from pg_index i where i.indexrelid = c.oid and i.indrelid in ('ls.ranker'::regclass, 'ls.ranker_version'::regclass, 'ls.ranker_alias'::regclass, 'ls.domain'::regclass))) $$;
create temporary table reading (what text, n bigint);
do $$ declare v_before bigint; v_scope record; begin
    for v_scope in select * from (values ('all', null::text[], null::text[]), ('a user', '{u4}', null), ('a domain', null, '{code}'), ('both', '{u4}', '{code}')) s (what, u, d) loop
        v_before := pg_temp.tuples_read();
        perform from ls.list_models(v_scope.u, v_scope.d, null, null, 5);
        insert into reading values (v_scope.what, pg_temp.tuples_read() - v_before);
    end loop;
end $$;
select cmp_ok(n, '<', 200::bigint, 'a page of five for ' || what || ' reads few rows') from reading;
-- Refusals.
select throws_ok(format('select * from ls.list_models(p_limit => %s)', bad), 'LS001', null, 'a page of ' || bad) from unnest(array['0', '1001', 'null']) bad;
select throws_ok(format('select * from ls.list_models(p_after => %L)', bad), 'LS001', null, 'a place that is none: ' || bad) from unnest(array['', 'tiny', '1.2.3']) bad;
select * from finish();
rollback;
