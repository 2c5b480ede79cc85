"""How the candidates of a query are drawn from the language model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

Method = Literal["sample", "greedy", "beam"]


@dataclass(frozen=True)
class SamplingConfig:
    """What is asked of the model for one query.

    There are two seeds, because two things are drawn. `seed` decides which texts the model samples;
    `draw_seed` decides which of a pool's candidates form a group. Comparing two ways of sampling
    keeps the second, and comparing two draws from one pool keeps the first.

    Attributes:
        method: `sample`, `greedy` or `beam`.
        candidate_count: K, the candidates of a query, 1 or more.
        max_new_tokens: Where a candidate is cut off.
        temperature: Divides the logits; used by `sample` alone.
        keep_top_k: Only the so many likeliest tokens are sampled; 0 for all.
        keep_top_p: Only the likeliest tokens that reach this probability are sampled; 1 for all.
        seed: Of the sampled texts.
        draw_seed: Of groups drawn from the pool.

    Raises:
        ValueError: A number is out of its range, in one sentence.
    """

    method: Method = "sample"
    candidate_count: int = 100
    max_new_tokens: int = 1024
    temperature: float = 1.5
    keep_top_k: int = 0
    keep_top_p: float = 1.0
    seed: int = 0
    draw_seed: int = 0

    def __post_init__(self) -> None:
        def require(holds: bool, field: str, expected: str) -> None:
            if not holds:
                raise ValueError(
                    f"cannot sample: {field} is {getattr(self, field)!r}, expected {expected}"
                )

        require(self.method in ("sample", "greedy", "beam"), "method", "sample, greedy or beam")
        require(self.candidate_count >= 1, "candidate_count", "1 or more")
        require(self.max_new_tokens >= 1, "max_new_tokens", "1 or more")
        require(self.method != "sample" or self.temperature > 0, "temperature", "above 0")
        require(self.keep_top_k >= 0, "keep_top_k", "0 or more")
        require(0 < self.keep_top_p <= 1, "keep_top_p", "above 0 and at most 1")
        require(self.seed >= 0, "seed", "0 or more")
        require(self.draw_seed >= 0, "draw_seed", "0 or more")
        require(
            self.method != "greedy" or self.candidate_count == 1,
            "candidate_count",
            "1, because greedy decoding has one result",
        )

    @classmethod
    def paper(cls, seed: int = 0, draw_seed: int = 0) -> SamplingConfig:
        """The paper's pools: 100 samples at temperature 1.5, at most 1,024 tokens."""
        return cls(seed=seed, draw_seed=draw_seed)

    @classmethod
    def greedy(cls, max_new_tokens: int = 1024) -> SamplingConfig:
        return cls(method="greedy", candidate_count=1, max_new_tokens=max_new_tokens)

    @classmethod
    def beam(cls, beam_count: int, max_new_tokens: int = 1024) -> SamplingConfig:
        """Beam search that keeps its `beam_count` beams, the likeliest first."""
        return cls(method="beam", candidate_count=beam_count, max_new_tokens=max_new_tokens)

    @classmethod
    def top_k(
        cls, k: int, candidate_count: int = 100, temperature: float = 1.0, seed: int = 0
    ) -> SamplingConfig:
        return cls(
            candidate_count=candidate_count, temperature=temperature, keep_top_k=k, seed=seed
        )

    @classmethod
    def top_p(
        cls, p: float, candidate_count: int = 100, temperature: float = 1.0, seed: int = 0
    ) -> SamplingConfig:
        return cls(
            candidate_count=candidate_count, temperature=temperature, keep_top_p=p, seed=seed
        )

    def with_(self, **changes: Any) -> SamplingConfig:
        """The same with some fields changed."""
        return replace(self, **changes)

    def query_seed(self, query_id: str, candidate_index: int = 0) -> int:
        """The seed of one candidate, 0 up to 2^31.

        It depends on the query's id and not on how many queries came before, so a run that was
        interrupted samples the same texts as one that was not.
        """
        text = f"{self.seed}\n{query_id}\n{candidate_index}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:4], "little") >> 1

    def hugging_face(self) -> dict[str, Any]:
        """The arguments of `generate`, with every filter said: a model's own `generation_config`
        would otherwise add top-k, top-p or a repetition penalty without a word."""
        common: dict[str, Any] = {
            "max_new_tokens": self.max_new_tokens,
            "num_return_sequences": self.candidate_count,
            "repetition_penalty": 1.0,
        }
        if self.method == "sample":
            return common | {
                "do_sample": True,
                "temperature": self.temperature,
                "top_k": self.keep_top_k,
                "top_p": self.keep_top_p,
                "num_beams": 1,
            }
        beam_count = self.candidate_count if self.method == "beam" else 1
        return common | {"do_sample": False, "num_beams": beam_count}

    def openai(self, query_id: str, candidate_index: int) -> dict[str, Any]:
        """The fields of one request for one candidate.

        Raises:
            ValueError: Beam search, which OpenAI's interface does not have.
        """
        if self.method == "beam":
            raise ValueError(
                "cannot ask a server for beam search: OpenAI's interface has none, "
                "expected sample or greedy"
            )
        body: dict[str, Any] = {"n": 1, "max_tokens": self.max_new_tokens, "temperature": 0}
        if self.method == "sample":
            body |= {
                "temperature": self.temperature,
                "top_p": self.keep_top_p,
                "seed": self.query_seed(query_id, candidate_index),
            }
            if self.keep_top_k:
                body["top_k"] = self.keep_top_k
        return body

    def describe(self) -> str:
        """For a feature file's metadata `sampling`."""
        words = {
            "sample": f"temperature {self.temperature}",
            "greedy": "greedy",
            "beam": "beam search",
        }[self.method]
        if self.method == "sample" and self.keep_top_k:
            words += f", top_k {self.keep_top_k}"
        if self.method == "sample" and self.keep_top_p < 1:
            words += f", top_p {self.keep_top_p}"
        words += f", max_new_tokens {self.max_new_tokens}, {self.candidate_count} samples"
        return words if self.method != "sample" else f"{words}, seed {self.seed}"
