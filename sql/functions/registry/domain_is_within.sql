-- ls.domain_is_within(domain, ancestor) -> whether the domain is the other or beneath it.
-- A null ancestor contains every domain: a ranker without a domain is for all of them.
-- Called by: current_feature_sets, route.
create or replace function ls.domain_is_within(p_domain text, p_ancestor text)
returns boolean
language sql immutable
return p_ancestor is null or p_domain = p_ancestor or starts_with(p_domain, p_ancestor || '/');
comment on function ls.domain_is_within(text, text) is
    'Whether a domain is the ancestor itself or below it; a null ancestor contains every domain.';
