-- ls.route, step by step, answers as one look at everything would: random registries, every question.
begin;
select plan(5);
select fixture.base_model();
select fixture.worker('w');
select ls.register_domain(d) from unnest(array['a', 'a/b', 'a/b/c', 'a/b/d', 'e', 'e/f']) d;
-- The whole rule in one query, over all rankers.
create function pg_temp.asked(p_user text, p_domain text) returns table (ranker_name text, reason text) language sql as $$
    with champion as (
        select r.ranker_id, r.name, r.kind, r.user_name, r.base_model_id, d.name as domain, a.version_id,
            case
                when r.user_name = p_user and d.name is not null and ls.domain_is_within(p_domain, d.name) then 1
                when r.user_name = p_user and d.name is null then 2
                when r.user_name is null and d.name = p_domain then 3
                when r.user_name is null and d.name is not null and ls.domain_is_within(p_domain, d.name) then 4
                when r.user_name is null and d.name is not null then 5
                when r.user_name is null and d.name is null then 6
            end as step
        from ls.ranker r left join ls.domain d using (domain_id)
            join ls.ranker_alias a on a.ranker_id = r.ranker_id and a.alias = 'champion'),
    current as (
        select distinct on (f.domain_id, f.user_name) f.feature_set_id, d.name as domain, f.user_name from ls.feature_set f join ls.domain d using (domain_id)
        where f.split = 'test' order by f.domain_id, f.user_name, f.ready_at desc, f.feature_set_id desc),
    sets as (
        select c.version_id, c.step, array_agg(s.feature_set_id) as ids
        from champion c join current s on case when c.step = 5
            then s.user_name is null and ls.domain_is_within(s.domain, p_domain) and exists (select from ls.domain where name = p_domain)
            else ls.domain_is_within(s.domain, c.domain) and s.user_name is not distinct from
                (select u.user_name from current u where u.user_name = c.user_name and ls.domain_is_within(u.domain, c.domain) limit 1) end
        group by 1, 2),
    measured as (
        select c.*, ls.pooled_accuracy(c.version_id, s.ids, ls.default_evaluation_configuration()) as accuracy
        from champion c left join sets s using (version_id, step))
    select name, (array['user+domain', 'user', 'domain', 'parent domain', 'best transfer', 'global'])[step] from measured
    where step is not null and (step <> 5 or accuracy is not null)
    order by step, case when step in (1, 4) then length(domain) end desc, accuracy desc nulls last, kind = 'listwise' desc, ranker_id limit 1 $$;
create function pg_temp.shuffle(p_seed double precision) returns void language plpgsql as $$
declare v_name text; v_version bigint; v_set bigint; begin
    perform setseed(p_seed);
    delete from ls.evaluation; delete from ls.ranker_alias; delete from ls.version_feature_set;
    for v_name in select fixture.ranker(d, k, u) from unnest(array[null, 'a', 'a/b', 'a/b/c', 'a/b/d', 'e', 'e/f']) d,
        unnest(array['listwise', 'pointwise']) k, unnest(array[null, 'ada', 'ben']) u where random() < 0.35
    loop
        select version_id into v_version from ls.insert_version(ls.ranker_id(v_name), sha256(convert_to(v_name, 'UTF8')), convert_to(v_name, 'UTF8'), '{}', null, null, null, null, 'me');
        insert into ls.ranker_alias (ranker_id, alias, version_id) select ls.ranker_id(v_name), 'champion', v_version where random() < 0.8;
    end loop;
    for v_set in select fixture.feature_set(d, 'test', p_seed::text || coalesce(u, ''), p_user => u) from unnest(array['a', 'a/b', 'a/b/c', 'e']) d, unnest(array[null, 'ada']) u where random() < 0.6 loop
        insert into ls.evaluation (version_id, feature_set_id, configuration, accuracy, standard_error, first_sample, oracle, group_count, query_count, candidate_count, groups_per_query, seed, report)
        select version_id, v_set, ls.default_evaluation_configuration(), round(random()::numeric, 1), 0, 0, 1, 10, 3, 10, 1, 1, '{}' from ls.ranker_version where random() < 0.9;
    end loop; end $$;
create temporary table question as select u, d from unnest(array[null, 'ada', 'ben', 'eve']) u,
    unnest(array[null, 'a', 'a/b', 'a/b/c', 'a/b/d', 'a/b/c/deep', 'e', 'e/f', 'e/fg', 'z']) d;
create temporary table answer as select 0 as seed, u, d, ''::text as ranker, ''::text as reason from question limit 0;
create temporary table expected as select * from answer;
do $$ begin
    for i in 1 .. 25 loop
        perform pg_temp.shuffle(i / 100.0);
        insert into answer select i, u, d, r.ranker_name, r.reason from question left join lateral ls.route('tiny', u, d) r on true;
        insert into expected select i, u, d, r.ranker_name, r.reason from question left join lateral pg_temp.asked(u, d) r on true;
    end loop; end $$;
select results_eq('select * from answer order by seed, u, d', 'select * from expected order by seed, u, d', 'a thousand questions, the same answers');
select is((select count(distinct reason) from expected), 6::bigint, 'every reason was among them');
select cmp_ok((select count(distinct ranker) from expected), '>', 20::bigint, 'and many rankers');
select cmp_ok((select count(*) from expected where ranker is null), '>', 0::bigint, 'and nobody, too');
select lives_ok($$ select * from ls.route('tiny', 'ada', repeat('x/', 500)) $$, 'a name of five hundred words is no error');
select * from finish();
rollback;
