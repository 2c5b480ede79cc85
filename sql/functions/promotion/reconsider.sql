-- ls.reconsider(version): its figures of the promotion gate's configuration came in, or were measured again. The gate looks at the
-- version, and when it is the champion, at the newer ones that waited for its figures. So does it at versions of other
-- rankers that waited for these (ls.settle_promotions), and at champions that may be worse than it (ls.judge_champions). Versions of a sweep wait for its end instead.
-- Called by: complete_evaluation, decide_evaluation_check, choose_champion.
create or replace function ls.reconsider(p_version_id bigint)
returns void
language plpgsql
as $$
declare
    v_candidate bigint;
begin
    perform ls.settle_promotions(p_version_id);
    perform ls.judge_champions(p_asked_version_id => p_version_id);
    if not ls.is_withheld(p_version_id) then
        perform ls.consider_promotion(p_version_id);
    end if;
    for v_candidate in
        select c.version_id from ls.ranker_version h
            join ls.ranker_alias a on a.ranker_id = h.ranker_id and a.version_id = h.version_id and a.alias = 'champion'
            join ls.ranker_version c on c.ranker_id = h.ranker_id and c.number > h.number
        where h.version_id = p_version_id
            and not exists (select from ls.promotion_decision d
                where d.version_id = c.version_id and d.champion_version_id = h.version_id)
            and not ls.is_withheld(c.version_id)
        order by c.number
    loop
        perform ls.consider_promotion(v_candidate);
    end loop;
end
$$;
comment on function ls.reconsider(bigint) is 'Lets the promotion gate look at a version whose figures came in, and at those that waited for them.';
