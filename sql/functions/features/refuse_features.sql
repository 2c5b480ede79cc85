-- ls.refuse_features(why): refuses a feature file (LS002), in the words of Rankers' reader; never returns.
-- Called by: safetensors_header, feature_matrix, feature_vector, feature_offsets, import_feature_file.
create or replace function ls.refuse_features(p_why text)
returns void
language plpgsql
as $$
begin
    perform ls.refuse('LS002', 'cannot read the feature file: ' || p_why);
end
$$;
comment on function ls.refuse_features(text) is 'Refuses a feature file, in one sentence.';
