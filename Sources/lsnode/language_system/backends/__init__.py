"""Where candidates and their hidden states come from.

A backend samples the candidates of a query and gives, for the instruction and for each candidate,
the state that the feature contract describes: one row of D numbers each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from ..contract import FeatureContract, Message
from ..features import CANDIDATE_COUNT_MAX, CandidateGroup, Floats, row_fault
from ..sampling import SamplingConfig

FinishReason = Literal["stop", "length", "other"]


@dataclass(frozen=True)
class Completion:
    """A text to be encoded, with its tokens where they are known: a text may be cut into other
    tokens than it was sampled from, and then has other states."""

    text: str
    token_ids: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Candidate:
    """One sampled answer.

    Attributes:
        text: Without the end token.
        token_ids: The sampled tokens, the end token included; None where the server does not say.
        finish_reason: `stop` when the model ended it, `length` when it was cut off.
        logprob: The sum of the sampled tokens' log-probabilities, in nats; None where unknown.
        row: The contract's state, shape [D], float16 or float32; None where it was lost. Such a
            candidate is not ranked.
        token_count: Of sampled tokens; None where unknown.
    """

    text: str
    token_ids: tuple[int, ...] | None
    finish_reason: FinishReason
    logprob: float | None
    row: Floats | None
    token_count: int | None = None


@dataclass(frozen=True)
class Samples:
    """The candidates of one query.

    Attributes:
        instruction: The state of the instruction's last token, shape [D], which every candidate
            shares: so it is here and not in each of them.
        candidates: In the order in which they were sampled: the first is "the first sample".
    """

    instruction: Floats | None
    candidates: Sequence[Candidate]


@dataclass(frozen=True)
class Rows:
    """The states of an instruction, shape [D], and of each completion, shape [K, D]."""

    instruction: Floats
    responses: Floats


class Encoder(Protocol):
    """Gives states to texts that exist already, by one forward pass over prompt and answer."""

    @property
    def contract(self) -> FeatureContract: ...

    def encode(self, messages: Sequence[Message], completions: Sequence[Completion]) -> Rows:
        """Raises `BackendError` when the states cannot be had."""
        ...


class Backend(Encoder, Protocol):
    """A language model that samples and gives the states of what it sampled."""

    def sample(self, messages: Sequence[Message], config: SamplingConfig, query_id: str) -> Samples:
        """`config.candidate_count` candidates, fewer when some of them failed.

        Args:
            query_id: The same id and seed give the same texts, where the model can do that.

        Raises:
            BackendError: There is no candidate at all.
        """
        ...


@dataclass
class Dropped:
    """How many candidates were left out, by why: what an engine does silently is counted here."""

    counts: dict[str, int] = field(default_factory=dict)

    def count(self, why: str) -> None:
        self.counts[why] = self.counts.get(why, 0) + 1


def group_of(
    samples: Samples,
    labels: Sequence[float | None],
    dropped: Dropped,
    *,
    query_id: str,
    answers: Sequence[int] | None = None,
    level: str | None = None,
    text: str | None = None,
    answer: str | None = None,
) -> CandidateGroup | None:
    """The group of a query's candidates that have a usable row and a label.

    Args:
        labels: Shape [K]; None where a labeler could not tell.
        dropped: Counts what is left out.
        answers: Shape [K]: equal numbers mean equal answers.

    Returns:
        None when no candidate is left, or the instruction has no usable row.
    """
    if samples.instruction is None or row_fault(samples.instruction) is not None:
        dropped.count("the instruction has no state")
        return None
    kept: list[int] = []
    for index, candidate in enumerate(samples.candidates):
        if candidate.row is None:
            dropped.count("no state")
        elif candidate.row.shape != samples.instruction.shape:
            dropped.count("a state of another width")
        elif (fault := row_fault(candidate.row)) is not None:
            dropped.count(f"a state with {fault}")
        elif labels[index] is None:
            dropped.count("no label")
        elif len(kept) == CANDIDATE_COUNT_MAX:
            dropped.count("more than a group may have")
        else:
            kept.append(index)
    if not kept:
        return None
    chosen = [samples.candidates[index] for index in kept]
    logprobs = [candidate.logprob for candidate in chosen]
    counts = [candidate.token_count for candidate in chosen]
    dtype = samples.instruction.dtype
    return CandidateGroup(
        instruction=samples.instruction,
        responses=np.stack([c.row for c in chosen if c.row is not None]).astype(dtype, copy=False),
        labels=np.array([labels[index] for index in kept], dtype=np.float32),
        logprobs=None if None in logprobs else np.array(logprobs, dtype=np.float32),
        token_counts=None if None in counts else np.array(counts, dtype=np.int32),
        finished=np.array([c.finish_reason == "stop" for c in chosen]),
        answers=None if answers is None else np.array([answers[i] for i in kept], dtype=np.int32),
        query_id=query_id,
        level=level,
        text=text,
        answer=answer,
    )
