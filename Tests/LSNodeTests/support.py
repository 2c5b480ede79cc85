"""What several tests make: groups of candidates, files of them, a server that answers as told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx2
import numpy as np

from language_system import (
    CandidateGroup,
    FeatureContract,
    FeatureSetMetadata,
    FeatureSetWriter,
)
from language_system.features import Split

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "deploy/examples/math"

CONTRACT = FeatureContract.at(
    layer=14,
    layer_count=24,
    revision="3f2a9c1+int8",
    dtype="float32",
    template_digest="ab" * 32,
)


def group(index: int, hidden_size: int = 8, candidates: int = 4) -> CandidateGroup:
    """Always the same for the same numbers."""
    random = np.random.default_rng([index, hidden_size, candidates])
    return CandidateGroup(
        instruction=random.standard_normal(hidden_size).astype(np.float16),
        responses=random.standard_normal((candidates, hidden_size)).astype(np.float16),
        labels=(random.random(candidates) < 0.4).astype(np.float32),
        logprobs=random.standard_normal(candidates).astype(np.float32) * 40,
        token_counts=random.integers(1, 300, candidates),
        finished=random.random(candidates) < 0.9,
        answers=random.integers(-1, 5, candidates),
        scores={"rm-gpt2": random.standard_normal(candidates).astype(np.float32)},
        query_id=f"q-{index:04}",
        level="template 3",
        text=f"What is {index} + {index}?",
        answer=str(2 * index),
    )


COLUMNS = ("answers", "finished", "logprobs", "scores.rm-gpt2", "token_counts")


def metadata(hidden_size: int = 8) -> FeatureSetMetadata:
    return FeatureSetMetadata(
        base_model="qwen2.5-coder-0.5b-instruct",
        domain="math/algebra",
        split="train",
        hidden_size=hidden_size,
        contract=CONTRACT,
        extra={"sampling": "temperature 1.5"},
    )


def write_set(
    path: Path, base_model: str, domain: str, split: Split, dropped: tuple[int, ...]
) -> None:
    """40 queries of 16 candidates, D = 384, for a coordinator."""
    about = FeatureSetMetadata(base_model, domain, split, 384)
    with FeatureSetWriter(path, about, query_count=40, columns=COLUMNS) as writer:
        for index in range(40):
            if index in dropped:
                writer.drop()
            else:
                writer.append(group(index, 384, 16))
        writer.finish()


def answering(
    *answers: httpx2.Response | Exception,
) -> tuple[Callable[[httpx2.Request], httpx2.Response], list[httpx2.Request]]:
    """A handler that gives these answers one after the other, and the requests that came."""
    requests: list[httpx2.Request] = []
    rest = list(answers)

    def handle(request: httpx2.Request) -> httpx2.Response:
        request.read()
        requests.append(request)
        answer = rest.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handle, requests
