-- ls.revoke_api_key(name, reason, by): the key is refused from now on. Again: nothing happens.
-- Called by: LedgerStore.revokeAPIKey, an admin.
create or replace function ls.revoke_api_key(p_name text, p_reason text, p_by text default null)
returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp
as $$
declare
    v_key ls.api_key;
begin
    select * into v_key from ls.api_key where name = p_name for update;
    if not found then
        perform ls.refuse('LS032', format('cannot revoke key ''%s'': no key has this name', left(p_name, 80)), 'select name from ls.api_key_status lists the keys');
    end if;
    if coalesce(p_reason, '') = '' then
        perform ls.refuse('LS001', format('cannot revoke key ''%s'': a reason is needed', p_name));
    end if;
    if v_key.revoked_at is not null then
        return;
    end if;
    update ls.api_key set revoked_at = clock_timestamp(), revoked_by = coalesce(p_by, session_user), revoked_because = p_reason
    where api_key_id = v_key.api_key_id;
    perform pg_notify('ls_key', v_key.api_key_id);
    perform ls.record_audit(p_by, 'revoke api key', p_name, p_reason);
end
$$;
comment on function ls.revoke_api_key(text, text, text) is
    'Revokes a key; repeating it changes nothing. Every coordinator refuses the key within a second. Refuses an unknown name (LS032) and an empty reason (LS001).';
