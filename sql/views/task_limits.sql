-- ls.task_limits: one row a kind of task that workers do: its deadline and attempts (ls.set_task_limits).
create or replace view ls.task_limits as
select kind, deadline, attempt_count_max from ls.task_kind where is_leased order by kind;
comment on view ls.task_limits is 'How long an attempt of each kind of task may take, and how many attempts a task has.';
