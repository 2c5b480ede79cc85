-- ls.forget_user and a user's name wherever it may stand; ls.kept_weights. The functions that only forget_user calls:
-- without_name, json_without_name, free_texts, names_with, user_lock.
begin;
select plan(68);
-- A word of its own, and nothing else.
select is(ls.without_name(t, 'al'), w, t) from (values
    ('al', '(forgotten)'), ('asked by al.', 'asked by (forgotten).'), ('al, al-a and (al)', '(forgotten), (forgotten)-a and ((forgotten))'),
    ('algebra, pal, al_2, halal', 'algebra, pal, al_2, halal'), ('~al/code.listwise@1', '~(forgotten)/code.listwise@1'), ('', ''), ('AL', 'AL'), ('al''s', '(forgotten)''s')) v (t, w);
select is(ls.without_name(null, 'al'), null, 'nothing stays nothing');
select is(ls.without_name('math/algebra of math, mathematics', 'math',
    '{"name math/algebra": true, "before ": [12], "places": [1]}'),
    'math/algebra of (forgotten), mathematics',
    'what is registered under a longer name is that');
select is(ls.without_name('李说 李 a李b', '李'), '(forgotten)说 (forgotten) a(forgotten)b', 'scripts without spaces have no words');
select is(ls.without_name('a.*b a.xb', 'a.*b'), '(forgotten) a.xb', 'a name is no pattern');
select is(ls.json_without_name('{"al": ["al", 1, null, {"x": "of al"}], "e": [], "o": {}}', 'al'), '{"al": ["(forgotten)", 1, null, {"x": "of (forgotten)"}], "e": [], "o": {}}', 'in JSON: texts, not keys');

-- Every column of texts is in one of two lists.
create temporary table decided as select relation, column_name from ls.free_texts()
    union all select split_part(c, '.', 1), split_part(c, '.', 2) from unnest(array[
        -- deleted with the user, or taken care of one by one
        'worker_presence.instance', 'worker_presence.place', 'worker_presence.replaced_instances', 'worker_presence.domains',
        'api_key.users', 'api_key.name', 'route_rule.user_name', 'route_rule.target', 'feature_set.user_name', 'ranker.user_name', 'decision.user_name', 'tag.key', 'exemption.user_name', 'promotion_stratum.user_name',
        -- names that something is registered under
        'base_model.name', 'domain.name', 'ranker.name', 'worker.name', 'join_token.worker_name', 'coordinator.name', 'route_rule.name', 'route_rule.domain_pattern', 'api_key.domains',
        'api_key.base_models', 'api_key.permissions', 'worker_presence.coordinator', 'coordinator.address',
        -- words, digests and numbers of ours; what a base model is
        'alias_history.alias', 'ranker_alias.alias', 'api_key.api_key_id', 'attempt.state', 'audit_log.action', 'audit_log.role', 'base_model.revision', 'base_model.norm', 'base_model.pooling',
        'base_model.dtype', 'base_model.template_digest', 'certificate.serial', 'certificate_authority.certificate_pem', 'certificate_authority.previous_certificate_pem',
        'promotion_decision.policy', 'promotion_decision.incumbent', 'promotion_decision.configuration', 'promotion_policy.policy',
        'decision.role', 'decision.reason', 'decision.aggregate', 'decision.arithmetic', 'decision.dtype', 'evaluation.configuration', 'feature_set.split', 'feature_set.label_kind',
        'join_token.join_token_id', 'ranker.kind', 'ranker.configuration', 'ranker.training', 'retention.what', 'route_rule.action', 'sweep.request_key', 'sweep.evaluation',
        'sweep_entry.configuration', 'task.kind', 'task.state', 'task.configuration', 'task.request_key', 'task_archive.kind', 'task_archive.state', 'task_archive.configuration',
        'task_archive_count.kind', 'task_archive_count.state', 'task_kind.kind',
        'task_transition.from_state', 'task_transition.to_state', 'task_transition.made_by',
        'worker.quarantined_for',
        'worker_presence.task_kinds', 'event_day.action',
        'decision.api_key_id', 'decision_volume.api_key_id', 'baseline.configuration', 'evaluation_check.configuration', 'evaluation_check.reason', 'evaluation_check.verdict', 'schema_object.object',
        'schema_migration.name', 'schema_migration.checksum', 'schema_files.name', 'schema_files.checksum',
        -- what stands in other users' feature files and requests: of signals the names, and numbers
        'decision.signals', 'query.query_id', 'query.level']) c;
select is_empty($$ select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'ls'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
        and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype, 'json'::regtype, 'varchar'::regtype)
        and not exists (select from decided d where d.relation = c.relname and d.column_name = a.attname) $$, 'it is decided of every column of texts');
select is_empty($$ select relation, column_name from ls.free_texts() f where not exists (
    select from pg_attribute where attrelid = to_regclass('ls.' || f.relation) and attname = f.column_name) $$, 'and every column is there');

-- A ledger full of her.
select fixture.base_model();
select fixture.worker(n) from unnest(array['w', 'quill-laptop', 'v']) n;
select fixture.feature_set('code', s) from unnest(array['train', 'test']) s;
select fixture.feature_set('code', 'train', 'q', p_user => 'quill');
select fixture.ranker('code'), fixture.ranker('code', p_user => 'quill'), fixture.ranker('math/algebra');
select ls.request_training('code.listwise', p_by => 'quill');
select fixture.train(1, 'w1');
select ls.request_training('~quill/code.listwise');
select fixture.train(1, 'w2');
insert into ls.certificate_authority (certificate_pem, public_key_sha256) values ('pem', sha256('key'));
select ls.create_api_key('quill-phone', '{quill}', p_by => 'quill'), ls.create_api_key('app', '{ben,quill}'), ls.create_api_key('all');
select ls.create_join_token('home', '1 hour', 'me', '{"user": "quill", "note": "for quill"}'), ls.create_join_token(null, '1 hour', 'me', '{"user": "ben,quill"}');
update ls.worker set labels = '{"user": "quill"}' where name = 'quill-laptop';
update ls.worker set labels = '{"user": "quill,ben", "of": "quill"}' where name = 'v';
select ls.add_route_rule('hers', 'pin', 'code.listwise@1', 1, 'quill', p_reason => 'quill asked'), ls.add_route_rule('to-hers', 'pin', '~quill/code.listwise@1'), ls.add_route_rule('other', 'pin', 'code.listwise@1');
select ls.set_tag('code.listwise', 'owner', 'team of quill'), ls.set_tag('code.listwise', 'quill', 'x'), ls.add_note('code.listwise@1', 'quill likes it', 'quill');
select ls.set_promotion_policy('code.listwise', 'better', p_by => 'quill'), ls.set_promotion_policy('~quill/code.listwise', 'manual');
select ls.set_alias(1, 'challenger', 'for quill', 'quill'), ls.set_alias(1, 'best', 'quills and goose quills');
select ls.request_training('code.listwise', p_seed => s) from generate_series(2, 3) s;
create temporary table failed as select * from ls.lease_tasks(1, '{train}', 1, 60);
select ls.fail_attempt(1, token, 'x', 'no file /home/quill/x', true) from failed;
select ls.cancel_task(task_id, 'quill is on holiday', 'quill') from ls.task where state = 'waiting' and kind = 'train' and task_id <> (select task_id from failed);
update ls.task set ended_at = ended_at - interval '2 hours' where state = 'cancelled';
select count(*) from ls.housekeep();
create temporary table forgotten as select * from ls.forget_user('quill', 'asked by quill on Monday', 'quill');
select results_eq($$ select count > 10 from forgotten where deleted = 'mentions' $$, $$ values (true) $$, 'many mentions');
select results_eq($$ select name ~ '^forgotten-', users, revoked_at is not null, revoked_because from ls.api_key where name not in ('app', 'all') $$,
    $$ values (true, '{}'::text[], true, 'its user was forgotten') $$, 'her key is revoked and bound to nobody');
select results_eq($$ select name, users, revoked_at from ls.api_key where name in ('app', 'all') order by 1 $$, $$ values ('all', null::text[], null::timestamptz), ('app', '{ben}', null) $$, 'others'' keys are for the others');
select is((select count(*) from ls.valid_api_keys()), 2::bigint, 'two keys are left');
select results_eq('select name from ls.route_rule', $$ values ('other') $$, 'rules for her and to her rankers are gone');
select results_eq('select name, labels from ls.worker order by 1', $$ values ('quill-laptop', '{}'::jsonb), ('v', '{"of": "(forgotten)", "user": "ben"}'), ('w', '{}') $$, 'labels do not name her');
select results_eq('select labels, expires_at <= clock_timestamp() from ls.join_token order by worker_name nulls last', $$ values ('{"note": "for (forgotten)"}'::jsonb, true), ('{"user": "ben"}', false) $$, 'nor do invitations, and hers has expired');
select results_eq('select policy, set_by from ls.promotion_policy', $$ values ('better', '(forgotten)') $$, 'policies, and that of her ranker is gone');
select results_eq('select key, value from ls.tag', $$ values ('owner', 'team of (forgotten)') $$, 'tags');
select results_eq('select text, written_by from ls.note', $$ values ('(forgotten) likes it', '(forgotten)') $$, 'notes');
select results_eq($$ select alias, reason, moved_by = '(forgotten)' from ls.alias_history where alias <> 'champion' order by 1 $$, $$ values ('best', 'quills and goose quills', false), ('challenger', 'for (forgotten)', true) $$, 'moves of aliases');
select is((select error_message from ls.attempt where task_id = (select task_id from failed)), 'no file /home/(forgotten)/x', 'errors');
select is((select ended_because from ls.task_archive where state = 'cancelled' limit 1), '(forgotten) is on holiday', 'the archive');
select is((select reason || ' by ' || actor from ls.audit_log where action = 'forget user'), 'asked by (forgotten) on Monday by (forgotten)', 'why, and by whom, without her');
select is_empty($$ select subject, reason from ls.audit_log where concat_ws(' ', actor, subject, reason) ~ '\mquill\M' and concat_ws(' ', actor, subject, reason) !~ 'quill-laptop' $$, 'the audit log');
select is((select count(*) from ls.audit_log where subject like 'math/algebra%' or reason like '%quills and goose quills%'), 1::bigint, 'what is not her is as it was');
select throws_ok($$ update ls.attempt set error_message = 'x' where state = 'failed' $$, 'LS021', null, 'and what has ended is closed again');
select results_eq($$ select kept_weights from ls.kept_weights(array[sha256('w1'), sha256('w2'), sha256('x')]) $$, $$ values (sha256('w1')) $$, 'whoever holds weights hears which are left');
select is((select sum(count) from ls.forget_user('quill', 'again')), 0::numeric, 'again: nothing left');
-- Names that a pattern or JSON would read otherwise.
select ls.add_note('code.listwise@1', 'by a"b\c and by (x|.*)', 'me');
select ls.create_join_token(null, '1 hour', 'me', '{"note": "for a\"b\\c"}');
select is((select count from ls.forget_user('a"b\c', 'x') where deleted = 'mentions'), 3::bigint, 'a name with quotes');
select is((select text from ls.note order by note_id desc limit 1), 'by (forgotten) and by (x|.*)', 'is found');
select is((select count(*) from ls.join_token where labels ->> 'note' = 'for (forgotten)'), 2::bigint, 'in JSON, too');
select is((select count from ls.forget_user('(x|.*)', 'x') where deleted = 'mentions'), 1::bigint, 'a name with a pattern in it');
select is((select count from ls.forget_user('train', 'x') where deleted = 'mentions'), 0::bigint, 'a user who is called as a kind of task is');

-- What is counted, what programs say of themselves, and what a request named.
select ls.worker_connected(3, 'c', 'build of ned', 1, '{train}', '{code/ned,code}', null, null, 'ned', 'at-ned');
update ls.worker_presence set replaced_instances = '{"ned",0123456789abcdef0123456789abcdef}' where worker_id = 3;
select ls.worker_connected(1, 'c', '1.0', 1, '{train}', null, null, null, '0123456789abcdef-0123-0000-ned-0123456789', 'ab12');
insert into ls.task_trial (task_id, worker_id, unknown_to_version) select task_id, 3, 'build of ned' from failed;
insert into ls.event_day (actor, action, day, count, first_at, last_at) values
    ('ned', 'x', '2020-01-01', 2, '2020-01-01 10:00Z', '2020-01-01 11:00Z'), ('(forgotten)', 'x', '2020-01-01', 3, '2020-01-01 09:00Z', '2020-01-01 10:30Z'),
    ('ned', 'x', '2020-01-02', 1, '2020-01-02 10:00Z', '2020-01-02 10:00Z'), ('nedda', 'x', '2020-01-02', 1, '2020-01-02 10:00Z', '2020-01-02 10:00Z');
select ls.record_decisions(jsonb_build_array('{"request_id": "r", "role": "serve", "model": "~ned/code.listwise", "domain": "code/ned", "rule": "for ned", "version_id": 1,
    "reason": "global", "is_fallback": false, "arithmetic": "float32", "hidden_size": 4, "dtype": "F32", "scores": [1]}'::jsonb), array['\x00'::bytea]);
select isnt((select count from ls.forget_user('ned', 'asked') where deleted = 'mentions'), 0::bigint, 'ned is forgotten');
select results_eq($$ select program_version, instance, place, replaced_instances, domains from ls.worker_presence where worker_id = 3 $$,
    $$ values ('build of (forgotten)', null::text, null::text, '{0123456789abcdef0123456789abcdef}'::text[], '{code/(forgotten),code}'::text[]) $$, 'what a worker said of itself');
select results_eq($$ select instance, place from ls.worker_presence where worker_id = 1 $$, $$ values (null::text, 'ab12') $$, 'what is no number of ours is told apart no more');
select is((select unknown_to_version from ls.task_trial where worker_id = 3), 'build of (forgotten)', 'what its program did not know');
select results_eq($$ select actor, day, count, first_at, last_at from ls.event_day where action = 'x' order by 2, 1 $$, $$ values
    ('(forgotten)', '2020-01-01'::date, 5::bigint, '2020-01-01 09:00Z'::timestamptz, '2020-01-01 11:00Z'::timestamptz),
    ('(forgotten)', '2020-01-02', 1, '2020-01-02 10:00Z', '2020-01-02 10:00Z'), ('nedda', '2020-01-02', 1, '2020-01-02 10:00Z', '2020-01-02 10:00Z') $$, 'counts of who is forgotten are one');
select results_eq('select model, domain, rule from ls.decision', $$ values ('~(forgotten)/code.listwise', 'code/(forgotten)', 'for (forgotten)') $$, 'what others asked for');

-- Words of ours are nobody's name: functions look for them.
select is(ls.without_name(t, u), w, t) from (values ('promotion gate, by gate', 'gate', 'promotion gate, by (forgotten)'), ('(forgotten) is forgotten', 'forgotten', '(forgotten) is (forgotten)'),
    ('worker w, a worker', 'worker', 'worker w, a (forgotten)')) v (t, u, w);
select ls.record_audit(a, 'test', 'ours', 'of gate') from unnest('{lscoord,worker w,promotion gate,evaluation check}'::text[]) a;
select ls.set_alias(1, 'g', 'x', 'promotion gate'), ls.set_alias(1, 'c', 'x', 'evaluation check');
create temporary table ours as select audit_log_id, actor, subject from ls.audit_log where action in ('test', 'forget user');
select lives_ok($$ select f.* from unnest('{gate,check,user,lscoord,promotion,evaluation,worker,forgotten}'::text[]) u, ls.forget_user(u, 'asked') f $$, 'users whose names are words of ours');
select is_empty($$ select * from ours o join ls.audit_log a using (audit_log_id) where (a.actor, a.subject) <> (o.actor, o.subject) $$, 'who acted, and who was forgotten, reads as before');
select results_eq($$ select moved_by from ls.alias_history where alias in ('g', 'c') order by 1 $$, $$ values ('evaluation check'), ('promotion gate') $$, 'so does who moved an alias');
select is_empty($$ select text from ls.note where text like '%((%' $$, 'what was overwritten stays so');
select is((select min(reason) from ls.audit_log where action = 'test'), 'of (forgotten)', 'the names go elsewhere');
select ls.record_decisions(jsonb_build_array('{"request_id": "r2", "user": "ned", "age_seconds": 60, "role": "serve", "model": "tiny", "version_id": 1,
    "reason": "global", "is_fallback": false, "arithmetic": "float32", "hidden_size": 4, "dtype": "F32", "scores": [1]}'::jsonb), array['\x00'::bytea]);
select is((select count(*) from ls.decision where request_id = 'r2'), 0::bigint, 'who was forgotten is known as before');
-- Names that others are registered under, wherever in them the user's stands, and however many.
select ls.register_domain('kim/kim'), ls.register_base_model('of kim & co', 4),
    ls.register_domain('kim-' || i) from generate_series(1, 500) i;
select is(ls.names_with('kim') - (select array_agg(k) from jsonb_object_keys(ls.names_with('kim')) k
    where k like 'name kim-%'),
    '{"name kim/kim": true, "name of kim & co": true, "before ": [5, 6, 7], "before kim/": [7], '
    '"before of ": [11], "places": [1, 4, 5]}', 'are kept by the place where it begins');
select is((select count(*) from jsonb_object_keys(ls.names_with('kim')) k
    where k like 'name kim-%'), 500::bigint, 'each of them');
select is(ls.names_with('nobody'), '{}', 'none contain a name that nothing is called after');
select is(ls.without_name(t, 'kim', ls.names_with('kim')), w, t)
    from (values ('kim', '(forgotten)'), ('kim/kim', 'kim/kim'), ('kim/kim/kim', 'kim/kim/kim'),
    ('kim/x, x/kim', '(forgotten)/x, x/(forgotten)'),
    ('kim-77 of kim', 'kim-77 of (forgotten)'), ('kim-501', 'kim-501'),
    ('kim-7 kim-x', 'kim-7 (forgotten)-x'), ('of kim & co by kim', 'of kim & co by (forgotten)'),
    ('of kim & coal', 'of kim & coal'), ('off kim & c', 'off (forgotten) & c')) v (t, w);
select is((select count(*) from ls.broken_rules(true)), 0::bigint, 'all rules hold');
select * from finish();
rollback;
