-- ls.task_suits(task, domains, byte_count_max) -> whether a worker's owner allows this task: each of its feature
-- sets is of one of the domains ('math/algebra', 'math/*'; null: of any), and together they are no larger
-- (null: of any size). Called by: lease_tasks.
create or replace function ls.task_suits(p_task_id bigint, p_domains text[], p_byte_count_max bigint)
returns boolean
language sql stable
as $$
    select coalesce(bool_and(p_domains is null or exists (select from unnest(p_domains) a where ls.domain_matches(d.name, a))), true)
        and (p_byte_count_max is null or coalesce(sum(f.byte_count), 0) <= p_byte_count_max)
    from ls.task_feature_set t join ls.feature_set f using (feature_set_id) join ls.domain d using (domain_id)
    where t.task_id = p_task_id;
$$;
comment on function ls.task_suits(bigint, text[], bigint) is 'Whether a task is of the domains and the size that a worker''s owner allows.';
