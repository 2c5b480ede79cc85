-- ls.evaluation_check_policy: which share of evaluations is measured again, and whether promotions wait for it.
create or replace view ls.evaluation_check_policy as
select share as check_share, holds_promotions from ls.check_policy;
comment on view ls.evaluation_check_policy is 'The share of evaluations that is measured again, and whether promotions that rest on one worker''s figures wait for it.';
