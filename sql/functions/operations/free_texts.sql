-- ls.free_texts() -> the columns in which people and programs write what they like, so that a user's name may stand
-- there: ls.forget_user looks through all of them. A column that is not here holds words of ours, names that something is
-- registered under, or what goes with the user; a test finds a column of texts that nobody has decided about.
-- Called by: forget_user.
create or replace function ls.free_texts()
returns table (relation text, column_name text)
language sql immutable
as $$
    values ('audit_log', 'actor'), ('audit_log', 'subject'), ('audit_log', 'reason'),
        ('alias_history', 'reason'), ('alias_history', 'moved_by'), ('promotion_decision', 'reason'), ('promotion_policy', 'set_by'),
        ('attempt', 'note'), ('attempt', 'error_code'), ('attempt', 'error_message'),
        ('task', 'owner'), ('task', 'requested_by'), ('task', 'ended_because'),
        ('task_archive', 'owner'), ('task_archive', 'requested_by'), ('task_archive', 'ended_because'), ('task_archive', 'attempts'),
        ('refusal', 'reason'), ('ranker_version', 'added_by'), ('ranker_version', 'report'), ('evaluation', 'report'),
        ('evaluation_check', 'report'), ('evaluation_check', 'found'), ('evaluation_check', 'because'),
        ('sweep', 'name'), ('sweep', 'requested_by'), ('tag', 'value'), ('tag', 'set_by'), ('note', 'text'), ('note', 'written_by'),
        ('feature_set', 'imported_by'), ('home_weights', 'lost_because'),
        ('join_token', 'created_by'), ('join_token', 'labels'), ('worker', 'labels'), ('worker', 'revoked_by'),
        ('worker', 'revoked_because'), ('worker', 'quarantined_because'), ('worker', 'paused_because'),
        ('canary', 'set_by'), ('api_key', 'created_by'), ('api_key', 'revoked_by'), ('api_key', 'revoked_because'), ('route_rule', 'added_by'),
        ('decision', 'request_id'), ('decision', 'model'), ('decision', 'domain'), ('decision', 'rule'),
        ('event_day', 'actor'), ('task_trial', 'unknown_to_version'), ('worker_presence', 'program_version');
$$;
comment on function ls.free_texts() is 'The columns of texts in which a user''s name may stand.';
