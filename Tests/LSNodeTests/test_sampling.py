"""Sampling says everything that decides a text, so that nothing is left to a model's defaults."""

from __future__ import annotations

from typing import Any

import pytest

from language_system import SamplingConfig


def test_the_papers_pools() -> None:
    config = SamplingConfig.paper(seed=7, draw_seed=8)
    assert (config.temperature, config.candidate_count, config.max_new_tokens) == (1.5, 100, 1024)
    assert (config.seed, config.draw_seed) == (7, 8)
    assert config.describe() == "temperature 1.5, max_new_tokens 1024, 100 samples, seed 7"


def test_every_filter_is_said_to_hugging_face() -> None:
    said = SamplingConfig.paper().hugging_face()
    assert said["do_sample"] is True
    assert (said["top_k"], said["top_p"], said["repetition_penalty"]) == (0, 1.0, 1.0)
    assert SamplingConfig.top_k(20).hugging_face()["top_k"] == 20
    assert SamplingConfig.top_p(0.8).hugging_face()["top_p"] == 0.8
    beam = SamplingConfig.beam(10).hugging_face()
    assert (beam["do_sample"], beam["num_beams"], beam["num_return_sequences"]) == (False, 10, 10)
    assert SamplingConfig.greedy().hugging_face()["num_beams"] == 1


def test_a_candidates_seed_depends_on_the_query_and_on_nothing_that_came_before() -> None:
    config = SamplingConfig.paper(seed=3)
    seeds = {config.query_seed(f"q{q}", k) for q in range(20) for k in range(20)}
    assert len(seeds) == 400
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert config.query_seed("q1", 2) == config.with_(draw_seed=9).query_seed("q1", 2)
    assert config.query_seed("q1", 2) != config.with_(seed=4).query_seed("q1", 2)


def test_a_request_asks_for_one_candidate() -> None:
    body = SamplingConfig.top_k(20, temperature=0.7).openai("q", 3)
    assert (body["n"], body["top_k"], body["temperature"]) == (1, 20, 0.7)
    assert "seed" not in SamplingConfig.greedy().openai("q", 0)
    with pytest.raises(ValueError, match="beam search"):
        SamplingConfig.beam(4).openai("q", 0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("temperature", 0),
        ("candidate_count", 0),
        ("max_new_tokens", 0),
        ("keep_top_p", 0.0),
        ("keep_top_p", 1.1),
        ("keep_top_k", -1),
        ("seed", -1),
        ("method", "magic"),
    ],
)
def test_a_number_out_of_range_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"cannot sample: {field} is"):
        SamplingConfig(**{field: value})
