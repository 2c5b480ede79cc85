-- ls.domain_matches_any(domain, patterns) -> whether one of the patterns means this domain: separated by commas
-- ('math/*,code'), null or '*' for every domain. Called by: request_transfer_matrix, request_matrix, LedgerStore.transferMatrix.
create or replace function ls.domain_matches_any(p_domain text, p_patterns text)
returns boolean
language sql immutable
as $$
    select p_patterns is null or exists (
        select from unnest(string_to_array(p_patterns, ',')) n (pattern) where n.pattern = '*' or ls.domain_matches(p_domain, n.pattern));
$$;
comment on function ls.domain_matches_any(text, text) is
    'Whether one of several patterns, separated by commas, includes this domain; null or * includes every domain.';
