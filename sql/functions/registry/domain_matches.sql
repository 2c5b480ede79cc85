-- ls.domain_matches(domain, pattern) -> whether the pattern means this domain.
-- A pattern is a domain's name, or a name followed by '/*': everything beneath it, not itself.
-- The same rule as DomainName.matches in Swift. Called by: requests over many domains, views.
create or replace function ls.domain_matches(p_domain text, p_pattern text)
returns boolean
language sql immutable strict
return case when right(p_pattern, 2) = '/*' then starts_with(p_domain, left(p_pattern, -1))
    else p_domain = p_pattern end;
comment on function ls.domain_matches(text, text) is
    'Whether a pattern includes this domain: a name, or a name and /* for all domains below it, without the name itself.';
