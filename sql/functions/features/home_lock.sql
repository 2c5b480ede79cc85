-- ls.home_lock(): one change of what is at home where after the other: an offer, a worker that is revoked, a user who is
-- forgotten. Two workers may offer the same sets, and which tasks move with them is known only once they have.
-- Taken before the worker's lock. Called by: offer_local_data, revoke_worker, forget_user.
create or replace function ls.home_lock()
returns void
language sql
as $$
    select pg_advisory_xact_lock(7814432246803196019);
$$;
comment on function ls.home_lock() is 'Waits until nobody else changes what is at home where.';
