"""What a candidate is worth: labels for training and measuring.

A labeler gives a number, or None where it cannot tell: such candidates are left out and counted,
rather than taken for wrong ones. Each labeler treats what a language model wrote as hostile: it is
never evaluated in this process, and whatever hangs is killed.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from .calls import FunctionCallLabeler
from .code import CodeLabeler, CodeTests
from .judge import JudgeLabeler
from .math import MathLabeler

Query = TypeVar("Query", contravariant=True)


class Labeler(Protocol[Query]):
    """Judges the candidates of one kind of query."""

    #: `binary` for labels of 0 and 1, `score` for any numbers; a feature file says it.
    @property
    def label_kind(self) -> str: ...

    def label(self, query: Query, completion: str) -> float | None:
        """The label of one candidate, or None where it cannot be told.

        Args:
            query: What the labeler needs to know: the reference answer, the tests, the question.
            completion: What the language model wrote.

        Raises:
            LabelError: The labeler cannot work at all, or the query's reference is unusable.
        """
        ...


def usable(labels: list[float | None]) -> tuple[list[int], int]:
    """The indices of candidates with a label, and how many have none."""
    kept = [index for index, label in enumerate(labels) if label is not None]
    return kept, len(labels) - len(kept)


__all__: list[Any] = [
    "CodeLabeler",
    "CodeTests",
    "FunctionCallLabeler",
    "JudgeLabeler",
    "Labeler",
    "MathLabeler",
    "usable",
]
