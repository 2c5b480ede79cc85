-- ls.strata, exempt_harmed, exemption_for, served_version, exemption_holds, view exemption_status: a version that is better for most and worse for some is
-- promoted for most, and the others keep what they had.
begin;
select plan(70);
select fixture.base_model();
select ls.register_domain(d) from unnest(array['math/big', 'math/small/deep', 'law/big', 'law/small/deep', 'art/big', 'art/small', 'tax/big', 'tax/small']) d;
select fixture.worker('w'), fixture.worker('v');
update ls.check_policy set share = 0;
-- Whatever there is to measure of a version: p_small on sets of domains that end in small or lie beneath such a one, else p_big.
create temporary table lease as select * from ls.lease_tasks(1, '{evaluate}', 1, 60);
create function pg_temp.measure(p_version text, p_big double precision, p_small double precision) returns bigint language sql as $$
    insert into lease select * from ls.lease_tasks(1, '{evaluate}', 100, 600);
    select count(ls.complete_evaluation(1, l.token, m.digests, m.reports)) from lease l join ls.attempt t using (token)
        cross join lateral (select array_agg(s.digest order by o) as digests,
                array_agg(fixture.report(case when d.name ~ 'small' then p_small else p_big end, '{}', s.query_count) order by o) as reports
            from jsonb_array_elements(l.features) with ordinality x (f, o)
                join ls.feature_set s on s.digest = decode(f ->> 'digest', 'hex') join ls.domain d using (domain_id)) m
    where l.weights_name = p_version and t.state = 'open' $$;
create function pg_temp.made(p_ranker text, p_big double precision, p_small double precision) returns integer language plpgsql as $$ begin
    perform pg_temp.measure(fixture.version_name(fixture.version(p_ranker, 'made' || (select count(*) from ls.ranker_version))), p_big, p_small);
    return fixture.champion_number(p_ranker);
end $$;
create function pg_temp.served(p_domain text, p_user text default null) returns text language sql as $$
    select ranker_name || '@' || version_number from ls.route('tiny', p_user, p_domain) $$;
create function pg_temp.exempt(p_ranker text) returns table (domain text, keeps integer, decided_on integer) language sql as $$
    select domain, keeps, decided_on from ls.exemption_status where ranker = p_ranker $$;

-- Which parts are looked at.
select fixture.feature_set('math/big', 'test', p_queries => 800), fixture.feature_set('math/small', 'test', p_queries => 60), fixture.feature_set('math/small/deep', 'test', p_queries => 29);
select fixture.ranker('math'), fixture.ranker(null), fixture.ranker('math', p_user => 'ada');
create function pg_temp.strata(p_ranker text, p_sets bigint[]) returns table (stratum text, set_places integer[], query_count integer) language sql as $$
    select concat_ws(' ', case when user_name is not null then 'user' end, name), set_places, query_count from ls.strata(ls.ranker_id(p_ranker), p_sets) $$;
create function pg_temp.sets(p_domain text) returns bigint[] language sql as $$ select array_agg(c.feature_set_id order by 1) from ls.current_feature_sets(1, p_domain, 'test', null) c $$;
select results_eq($$ select * from pg_temp.strata('math.listwise', pg_temp.sets('math')) $$, $$ values ('math/big', '{1}'::integer[], 800), ('math/small', '{2,3}', 89) $$,
    'each narrower domain with all beneath it; one with fewer than 30 queries is not looked at by itself');
select is_empty($$ select * from pg_temp.strata('math.listwise', '{1}') $$, 'all queries are no part');
select fixture.feature_set('math', 'test', 'ada', 40, 'ada'), fixture.feature_set('math/big', 'test', 'ben', 30, 'ben'), fixture.feature_set('math', 'test', 'eve', 29, 'eve');
select results_eq($$ select * from pg_temp.strata('math.listwise', array[1, 4, 5, 6]) $$, $$ values ('math/big', '{1,3}'::integer[], 830), ('user ada', '{2}', 40), ('user ben', '{3}', 30) $$, 'and each user');
select results_eq($$ select stratum from pg_temp.strata('~ada/math.listwise', array[1, 4, 5]) $$, $$ values ('math/big'), ('user ben') $$, 'but for the ranker''s own');
select results_eq($$ select stratum from pg_temp.strata('global.listwise', array[1, 4]) $$, $$ values ('math/big'), ('user ada') $$, 'of a ranker of all domains, every domain is narrower; one that has all queries is no part');
select ls.drop_feature_set(3, 'too small'), ls.drop_feature_set(s, 'a user''s') from generate_series(4, 6) s;

-- Better for most, worse for some.
select is(pg_temp.made('math.listwise', 0.5, 0.5), 1, 'a first version that harms nobody');
select results_eq('select ordinal, domain_id is not null, set_places, query_count, round(mean_difference::numeric, 2), is_harmed from ls.promotion_stratum', $$ values (1, true, '{1}'::integer[], 800, 0.12, false), (2, true, '{2}', 60, 0.12, false) $$,
    'the decision keeps what each part says');
select is(pg_temp.made('math.listwise', 0.6, 0.2), 2, 'one that is better for most');
select is(fixture.decided('math.listwise@2'), 'promoted: better than the champion, version 1: +7.2 points on 860 queries, e = 10^21, 20 asked for; worse for ''math/small'' (-30.0 points on 60 queries), which keeps what serves now', 'is promoted, and says for whom it is worse');
select results_eq($$ select ranker, user_name, domain, champion, keeps, is_live, decided_on, queries, points, e from ls.exemption_status $$, $$ values ('math.listwise', null, 'math/small', 2, 1, true, 2, 60, '-30.0', '342560') $$, 'those keep the version before, and why is there');
select results_eq('select version, harmed, withdrawn from ls.promotion_status', $$ values (2, '{math/small}'::text[], false), (1, null, false) $$, 'also beside the decision');
select results_eq($$ select d, pg_temp.served(d) from unnest(array['math', 'math/big', 'math/bigger', 'math/small', 'math/small/deep', 'math/small/unheard', 'math/smaller']) d $$,
    $$ values ('math', 'math.listwise@2'), ('math/big', 'math.listwise@2'), ('math/bigger', 'math.listwise@2'), ('math/small', 'math.listwise@1'), ('math/small/deep', 'math.listwise@1'),
        ('math/small/unheard', 'math.listwise@1'), ('math/smaller', 'math.listwise@2') $$, 'a domain is exempt with all beneath it, and nobody else');
select results_eq($$ select (select version_number from ls.resolve('math.listwise')), (select version_number from ls.resolve('math.listwise', 'ada', 'math/small')), (select version_number from ls.resolve('math.listwise', 'ada')),
    (select version_number from ls.resolve('math.listwise@2', null, 'math/small')), (select version_number from ls.resolve('math.listwise:champion', null, 'math/small')) $$, $$ values (2, 1, 2, 2, 2) $$, 'named, the ranker is what they keep, and a version is that version');
select results_eq($$ select (select is_champion from ls.resolve('math.listwise')), (select is_champion from ls.resolve('math.listwise', null, 'math/small')),
    (select is_champion from ls.route_plan('tiny', null, 'math/big')), (select is_champion from ls.route_plan('tiny', null, 'math/small')) $$, $$ values (true, false, true, false) $$, 'what they keep is not the champion');
select ls.add_route_rule('all', 'pin', t, p_domain => 'math/*') from unnest(array['math.listwise']) t;
select is(pg_temp.served('math/small') || ' ' || pg_temp.served('math/big'), 'math.listwise@1 math.listwise@2', 'a rule that names the champion is one for them, too');
select ls.add_route_rule('all', 'pin', 'math.listwise:champion', p_domain => 'math/*');
select is(pg_temp.served('math/small'), 'math.listwise@1', 'however it is named');
select ls.add_route_rule('all', 'pin', 'math.listwise@2', p_domain => 'math/*');
select is(pg_temp.served('math/small'), 'math.listwise@2', 'one that names a version is for that version');
select ls.add_route_rule('all', 'shadow', 'math.listwise', p_domain => 'math/*');
select results_eq($$ select role, version_number from ls.route_plan('tiny', null, 'math/small') $$, $$ values ('shadow', 2), ('serve', 1) $$, 'in the shadow the champion is scored');
select ls.remove_route_rule('all', 'enough');
select is(ls.served_version(ls.ranker_id('math.listwise'), 7, null, '{}') , 7::bigint, 'nobody in particular is not exempt');
-- A user's requests, wherever.
insert into ls.exemption (ranker_id, user_name, version_id, promotion_decision_id) select ls.ranker_id('math.listwise'), 'ada', null, max(promotion_decision_id) from ls.promotion_decision;
select results_eq($$ select pg_temp.served('math/big', 'ada'), pg_temp.served('math/big', 'ben'), pg_temp.served('math/small', 'ada') $$, $$ values (null, 'math.listwise@2', null) $$, 'an exempt user may be one of any domain; who keeps nothing passes the ranker');
select is(pg_temp.served('music', 'ada'), null, 'also as the best transfer');
select results_eq($$ select ls.exemption_holds(exemption_id) from ls.exemption order by 1 $$, $$ values (true), (true) $$, 'both hold');
delete from ls.exemption where user_name = 'ada';
-- The kept version may not be champion any more.
select set_config('ls.forgetting', 'on', true);
update ls.ranker_version set worker_id = 2 where version_id = fixture.version_id('math.listwise@1');
update ls.worker set quarantined_at = now(), quarantined_because = 'test', quarantined_for = 'figures' where worker_id = 2;
select is(pg_temp.served('math/small'), 'math.listwise@2', 'while its maker is in quarantine, the champion serves');
select is((select is_live from ls.exemption_status), false, 'and the view says so');
update ls.worker set quarantined_at = null, quarantined_because = null, quarantined_for = null where worker_id = 2;
update ls.ranker_version set worker_id = null where version_id = fixture.version_id('math.listwise@1');

-- Decided anew with every promotion, against what each stratum has.
select is(pg_temp.made('math.listwise', 0.7, 0.2), 3, 'another that is better for most, and for these as bad as the one before');
select results_eq($$ select * from pg_temp.exempt('math.listwise') $$, $$ values ('math/small', 1, 3) $$, 'is compared with what they have, and they keep that');
select results_eq($$ select array(select fixture.version_name(i) from unnest(incumbent_version_ids) i) from ls.promotion_decision where version_id = fixture.version_id('math.listwise@3') $$, $$ values ('{math.listwise@2,math.listwise@1}'::text[]) $$, 'the decision says with whom');
select results_eq($$ select j.feature_set_ids, j.incumbent, round(j.mean_difference::numeric, 2) from ls.judge(fixture.version_id('math.listwise@3')) j $$, $$ values ('{1}'::bigint[], 'first sample', 0.32) $$, 'the champion itself is judged on what it serves');
select is(pg_temp.made('math.listwise', 0.71, 0.3), 3, 'one that is hardly better for most, and worse for these, is not promoted: what counts is what each has');
select is(pg_temp.made('math.listwise', 0.75, 0.5), 5, 'one that is as good for them as what they have');
select is_empty($$ select * from pg_temp.exempt('math.listwise') $$, 'serves them, too');
select is(pg_temp.served('math/small'), 'math.listwise@5', 'like all others');
-- Too many.
select fixture.feature_set('math/small', 'test', 'more', 96);
select ls.request_evaluation(fixture.version_id('math.listwise@5')), pg_temp.measure('math.listwise@5', 0.75, 0.5);
select is(pg_temp.made('math.listwise', 0.9, 0.2), 5, 'one that would harm more than 10 % of the queries');
select is(fixture.decided('math.listwise@6'), 'better than the champion, version 5: +10.2 points on 896 queries, e = 10^30, 20 asked for; worse for ''math/small'' (-30.0 points on 96 queries): 10.7 % of the queries, at most 10 % may be', 'is not promoted, and says why');
select is((select promoted from ls.promotion_status limit 1), false, 'whatever the evidence');
select is((select harmed_count from ls.promotion_decision order by promotion_decision_id desc limit 1), 96, 'so many');
-- What an exempt stratum has may have to be measured first.
select fixture.feature_set('math/small', 'test', 'fewer', 50);
select ls.request_evaluation(fixture.version_id('math.listwise@5')), pg_temp.measure('math.listwise@5', 0.75, 0.5);
select is(pg_temp.made('math.listwise', 0.9, 0.2), 7, 'fewer than 10 % are exempt again');
select fixture.feature_set('math/small', 'test', 'newest', 40), fixture.version('math.listwise', 'waits');
select pg_temp.measure('math.listwise@7', 0.9, 0.2), pg_temp.measure('math.listwise@8', 0.95, 0.2);
select results_eq($$ select missing, fixture.version_name(asks_for) from ls.judge(fixture.version_id('math.listwise@8')) $$, $$ values ('the incumbent has not been measured on the test set of ''math/small''', 'math.listwise@5') $$, 'what they keep has not been measured on a newer set');
select results_eq('select fixture.version_name(version_id), fixture.version_name(incumbent_version_id) from ls.promotion_wait', $$ values ('math.listwise@8', 'math.listwise@5') $$, 'it is waited for');
select pg_temp.measure('math.listwise@5', 0.75, 0.5);
select results_eq($$ select * from pg_temp.exempt('math.listwise') $$, $$ values ('math/small', 5, 8) $$, 'its figures decide: promoted, and they keep what they have');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- How an exemption ends otherwise.
create temporary table heard (n bigint);
select is(ls.promote(fixture.version_id('math.listwise@8'), 'for all', 'ada'), false, 'a person says that the champion is for all: it is champion already');
select is_empty($$ select * from pg_temp.exempt('math.listwise') $$, 'and serves everybody');
select results_eq('select actor, action, subject, reason from ls.audit_entry limit 1', $$ values ('ada', 'end exemptions', 'math.listwise', 'for all') $$, 'which is on record');
select is(ls.promote(fixture.version_id('math.listwise@8'), 'for all', 'ada'), false, 'once');
select fixture.feature_set('law/big', 'test', p_queries => 900), fixture.feature_set('law/small', 'test', p_queries => 60), fixture.ranker('law'), pg_temp.made('law.listwise', 0.5, 0.5);
create function pg_temp.again(p_what text) returns integer language plpgsql as $$
declare v_version integer := pg_temp.made('law.listwise', 0.6 + 0.05 * (select count(*) from ls.ranker_version where ranker_id = ls.ranker_id('law.listwise')), 0.2); begin
    if v_version is null or not exists (select from pg_temp.exempt('law.listwise')) then
        return null;
    end if;
    execute p_what;
    return (select count(*) from pg_temp.exempt('law.listwise'));
end $$;
select is(pg_temp.again($$ select ls.rollback('law.listwise', 'no') $$), 0, 'rolled back: all have the one before');
select is(fixture.champion_number('law.listwise'), 1, 'which it is');
select is(pg_temp.again($$ select ls.promote(fixture.version_id('law.listwise@2'), 'yes') $$), 0, 'another by hand: that one is for all');
select ls.promote(fixture.version_id('law.listwise@1'), 'back');
select is(pg_temp.again($$ select ls.remove_alias('law.listwise', 'champion', 'nobody') $$), 0, 'no champion, no exemption');
select ls.promote(fixture.version_id('law.listwise@1'), 'back');
select is(pg_temp.again($$ select ls.set_alias(fixture.version_id('law.listwise@1'), 'challenger', 'watch') $$), 1, 'another alias is none of its business');
-- Within a harmed domain the narrower keeps what it had; what was not looked at stays exempt.
select fixture.feature_set('law/small/deep', 'test', p_queries => 30);
select ls.request_evaluation(fixture.version_id(n), pg_temp.sets('law')), pg_temp.measure(n, 0.9, 0.2) from (select 'law.listwise@' || fixture.champion_number('law.listwise') as n) x;
select ls.request_evaluation(fixture.version_id('law.listwise@1'), pg_temp.sets('law')), pg_temp.measure('law.listwise@1', 0.5, 0.5);
select is(pg_temp.made('law.listwise', 0.95, 0.2), 6, 'a harmed domain has a narrower one');
select results_eq($$ select * from pg_temp.exempt('law.listwise') $$, $$ values ('law/small', 1, 6), ('law/small/deep', 1, 6) $$, 'both keep what they have');
select fixture.feature_set('law/small/deep', 'test', 'tiny', 20), fixture.feature_set('law/small', 'test', 'tiny', 5);
select ls.request_evaluation(fixture.version_id(n), pg_temp.sets('law')), pg_temp.measure(n, 0.95, 0.5) from unnest(array['law.listwise@6', 'law.listwise@1']) n;
select is(pg_temp.made('law.listwise', 0.96, 0.49), 7, 'the sets of these have few queries now');
select results_eq($$ select * from pg_temp.exempt('law.listwise') $$, $$ values ('law/small', 1, 6), ('law/small/deep', 1, 6) $$, 'what few say ends no exemption');
select is_empty('select * from ls.broken_rules(true)', 'no rule is broken');

-- Where another ranker is the incumbent, whom a first version would harm passes it.
select fixture.champion('global.listwise', 'g'), fixture.feature_set('art/big', 'test', p_queries => 800), fixture.feature_set('art/small', 'test', p_queries => 60), fixture.ranker('art');
select ls.request_evaluation(fixture.version_id('global.listwise@1'), pg_temp.sets('art')), pg_temp.measure('global.listwise@1', 0.5, 0.5);
select is(pg_temp.made('art.listwise', 0.6, 0.2), 1, 'a first version that is worse for some than the ranker of everything');
select results_eq($$ select * from pg_temp.exempt('art.listwise') $$, $$ values ('art/small', null::integer, 1) $$, 'those keep no version of it');
select results_eq($$ select d, pg_temp.served(d) from unnest(array['art', 'art/big', 'art/small']) d $$, $$ values ('art', 'art.listwise@1'), ('art/big', 'art.listwise@1'), ('art/small', 'global.listwise@1') $$, 'they pass it');
select is((select version_number from ls.resolve('art.listwise', null, 'art/small')), 1, 'named, it is its champion');
select ls.add_route_rule('all', 'pin', 'art.listwise', p_domain => 'art/*');
select is(pg_temp.served('art/small'), 'global.listwise@1', 'a rule that names its champion is passed, too');
select ls.remove_route_rule('all', 'enough');
select is(pg_temp.made('art.listwise', 0.7, 0.45), 2, 'the next one is measured against who serves them');
select results_eq($$ select array(select fixture.version_name(i) from unnest(incumbent_version_ids) i) from ls.promotion_decision where version_id = fixture.version_id('art.listwise@2') $$, $$ values ('{art.listwise@1,global.listwise@1}'::text[]) $$, 'which is not its champion');
select is_empty($$ select * from pg_temp.exempt('art.listwise') $$, 'it harms nobody provably, and serves them');

-- Where a version has only to be not worse by a margin, so has it for each.
select ls.remove_alias('global.listwise', 'champion', 'gone'), fixture.feature_set('tax/big', 'test', p_queries => 800), fixture.feature_set('tax/small', 'test', p_queries => 80), fixture.ranker('tax'), pg_temp.made('tax.listwise', 0.6, 0.6);
select ls.set_promotion_policy('tax.listwise', 'not_worse', 0.05);
select is(pg_temp.made('tax.listwise', 0.58, 0.55), 2, 'worse for all, and by no more than the margin');
select is_empty($$ select * from pg_temp.exempt('tax.listwise') $$, 'nobody is exempt');
select is(pg_temp.made('tax.listwise', 0.6, 0.3), 3, 'worse for some by more than that');
select results_eq($$ select * from pg_temp.exempt('tax.listwise') $$, $$ values ('tax/small', 1, 3) $$, 'they keep the anchor, with which it was compared');

-- A user is forgotten from whom what they keep was learned.
select ls.set_promotion_policy('tax.listwise', 'better');
insert into ls.version_feature_set (version_id, ordinal, feature_set_id) values (fixture.version_id('tax.listwise@1'), 1, fixture.feature_set('tax', 'train', 'ada', 3, 'ada'));
insert into ls.promotion_stratum (promotion_decision_id, ordinal, user_name, set_places, query_count, mean_difference, log_e_worse, is_harmed)
select max(promotion_decision_id), 9, 'ada', '{1}', 800, 0, -10, false from ls.promotion_decision;
select isnt_empty($$ select * from ls.forget_user('ada', 'asked') $$, 'she is forgotten');
select is_empty($$ select * from pg_temp.exempt('tax.listwise') $$, 'that version is kept no more');
select is_empty($$ select from ls.promotion_stratum where user_name = 'ada' $$, 'and she is named no more');
select * from finish();
rollback;
