"""Replaying what any server sampled, and making groups of candidates that engines got wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence

import httpx2
import numpy as np
import pytest

from language_system import FeatureContract, Message, SamplingConfig
from language_system.backends import (
    Backend,
    Candidate,
    Completion,
    Dropped,
    Rows,
    Samples,
    group_of,
)
from language_system.backends.replay import ReplayBackend
from language_system.errors import BackendError
from support import CONTRACT

MESSAGES: list[Message] = [{"role": "user", "content": "What is 17 + 25?"}]


class Encoder:
    """Rows that tell which text they are of."""

    contract: FeatureContract = CONTRACT

    def __init__(self) -> None:
        self.seen: list[Completion] = []

    def encode(self, messages: Sequence[Message], completions: Sequence[Completion]) -> Rows:
        self.seen = list(completions)
        rows = [[float(len(c.text)), 1.0, 2.0] for c in completions]
        for row, completion in zip(rows, completions, strict=True):
            if completion.text == "zeros":
                row[:] = [0.0, 0.0, 0.0]
        return Rows(np.array([1.0, 2.0, 3.0], np.float32), np.array(rows, np.float32))


def answer(text: str, finish: str = "stop") -> httpx2.Response:
    logprobs = {"content": [{"token": t, "logprob": -0.5} for t in text.split()]}
    choice = {"message": {"content": text}, "finish_reason": finish, "logprobs": logprobs}
    usage = {"completion_tokens": len(text.split()) + 1}
    return httpx2.Response(200, json={"choices": [choice], "usage": usage})


class Server:
    """Answers by the request's place among all seeds."""

    def __init__(self, config: SamplingConfig, texts: Sequence[httpx2.Response | None]) -> None:
        self.bodies: list[dict[str, object]] = []
        self._lock = threading.Lock()
        seeds = [config.query_seed("q", index) for index in range(config.candidate_count)]
        self._answers = dict(zip(seeds, texts, strict=True))

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.read())
        with self._lock:
            self.bodies.append(body)
        return self._answers[body["seed"]] or httpx2.Response(500, text="engine died")


def backend(server: Server) -> tuple[ReplayBackend, Encoder]:
    encoder = Encoder()
    made = ReplayBackend(
        "http://engine/v1",
        "smol",
        encoder,
        transport=httpx2.MockTransport(server),
        sleep=lambda _: None,
    )
    return made, encoder


def test_candidates_come_in_the_order_of_their_seeds_with_what_the_server_said() -> None:
    config = SamplingConfig(candidate_count=3, temperature=0.7)
    server = Server(config, [answer("a b c"), answer("d", "length"), answer("zeros")])
    made, encoder = backend(server)
    as_protocol: Backend = made
    samples = as_protocol.sample(MESSAGES, config, "q")
    assert as_protocol.contract == CONTRACT
    assert [c.text for c in samples.candidates] == ["a b c", "d", "zeros"]
    assert [c.finish_reason for c in samples.candidates] == ["stop", "length", "stop"]
    assert [c.logprob for c in samples.candidates] == [-1.5, -0.5, -0.5]
    assert [c.token_count for c in samples.candidates] == [4, 2, 2]
    assert samples.candidates[0].row is not None
    assert samples.candidates[0].row[0] == 5.0
    assert samples.candidates[2].row is None
    assert {str(body["n"]) for body in server.bodies} == {"1"}
    assert [c.text for c in encoder.seen] == ["a b c", "d", "zeros"]


def test_one_failure_leaves_the_others_and_all_failures_are_the_servers_words() -> None:
    config = SamplingConfig(candidate_count=3)
    made, _ = backend(Server(config, [answer("a"), None, answer("c")]))
    assert [c.text for c in made.sample(MESSAGES, config, "q").candidates] == ["a", "c"]
    made, _ = backend(Server(config, [None, None, None]))
    with pytest.raises(BackendError, match="status 500: engine died") as caught:
        made.sample(MESSAGES, config, "q")
    assert caught.value.status == 500


def test_an_answer_that_is_none_is_a_failed_candidate() -> None:
    config = SamplingConfig(candidate_count=2)
    broken = httpx2.Response(200, json={"choices": []})
    made, _ = backend(Server(config, [broken, answer("b")]))
    assert [c.text for c in made.sample(MESSAGES, config, "q").candidates] == ["b"]


def candidate(row: Sequence[float] | None, logprob: float | None = -1.0) -> Candidate:
    state = None if row is None else np.array(row, np.float32)
    return Candidate("text", None, "stop", logprob, state, 3)


def test_candidates_without_a_usable_state_or_label_are_left_out_and_counted() -> None:
    samples = Samples(
        np.array([1, 2, 3], np.float32),
        [
            candidate([1, 2, 4]),
            candidate(None),
            candidate([0, 0, 0]),
            candidate([1, 2]),
            candidate([1, float("nan"), 2]),
            candidate([4, 2, 1]),
            candidate([5, 2, 1]),
        ],
    )
    dropped = Dropped()
    labels = [1.0, 1.0, 1.0, 1.0, 1.0, None, 0.0]
    made = group_of(samples, labels, dropped, query_id="q", answers=[0, 1, 2, 3, 4, 5, 6])
    assert made is not None
    assert made.responses[:, 0].tolist() == [1, 5]
    assert made.labels is not None
    assert made.labels.tolist() == [1, 0]
    assert made.answers is not None
    assert made.answers.tolist() == [0, 6]
    assert made.columns() == ("answers", "finished", "logprobs", "token_counts")
    assert sum(dropped.counts.values()) == 5
    assert dropped.counts["a state with nothing but zeros"] == 1


def test_a_query_without_a_state_or_candidate_gives_no_group() -> None:
    dropped = Dropped()
    instruction = np.array([1, 2, 3], np.float32)
    assert group_of(Samples(None, [candidate([1, 2, 3])]), [1.0], dropped, query_id="q") is None
    assert group_of(Samples(instruction, [candidate(None)]), [1.0], dropped, query_id="q") is None
    assert dropped.counts == {"the instruction has no state": 1, "no state": 1}
