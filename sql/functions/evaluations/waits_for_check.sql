-- ls.waits_for_check(versions, feature sets, configuration) -> whether some of their figures are to be measured again before anything is
-- decided by them. One that could not be measured holds on while promotions wait (ls.check_policy): a person decides, or has
-- it measured again (ls.reopen_evaluation_check). Called by: check_own_word, ask_for_evidence,
-- consider_promotion.
create or replace function ls.waits_for_check(p_version_ids bigint[], p_feature_set_ids bigint[], p_configuration jsonb)
returns boolean
language sql stable
as $$
    select exists (select from ls.evaluation_check c
        where c.version_id = any (p_version_ids) and c.holds
            and (c.decided_at is null or c.verdict = 'failed' and (select holds_promotions from ls.check_policy))
            and c.configuration = p_configuration and c.feature_set_id = any (p_feature_set_ids));
$$;
comment on function ls.waits_for_check(bigint[], bigint[], jsonb) is 'Whether figures must be measured again before the promotion gate may use them.';
