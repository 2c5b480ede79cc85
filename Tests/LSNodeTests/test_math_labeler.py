"""Mathematics: two hundred golden pairs, what completions hold, and what hangs."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from language_system.errors import LabelError
from language_system.labelers import MathLabeler
from language_system.labelers.math import boxed, final_answer
from math_pairs import PAIRS

pytest.importorskip("math_verify")


@pytest.fixture(scope="module")
def labeler() -> Iterator[MathLabeler]:
    with MathLabeler(process_count=2) as labeler:
        yield labeler


def test_there_are_two_hundred_pairs() -> None:
    pairs = [pair for category in PAIRS.values() for pair in category]
    assert len(pairs) >= 200
    assert len(set(pairs)) == len(pairs)
    assert sum(not equal for _, _, equal in pairs) >= 60


@pytest.mark.parametrize("category", PAIRS)
def test_pairs_are_labeled_as_a_mathematician_does(labeler: MathLabeler, category: str) -> None:
    wrong = []
    for reference, answer, equal in PAIRS[category]:
        label = labeler.label(
            reference, f"So we find $1 + 1$ and the result is \\boxed{{{answer}}}."
        )
        if label != float(equal):
            wrong.append((reference, answer, equal, label))
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "content"),
    [
        ("\\boxed{5}", "5"),
        ("\\boxed{1} no, \\boxed{2}", "2"),
        ("\\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"),
        ("\\fbox{3}", "3"),
        ("\\boxed {4}", "4"),
        ("\\boxed{7} and \\boxed{\\frac{1}{", "7"),
        ("\\boxed{}", None),
        ("\\boxed{ }", None),
        ("\\boxed 5", None),
        ("no box", None),
        ("\\boxed{" + "1" * 2000 + "}", None),
    ],
)
def test_the_last_closed_box_counts(text: str, content: str | None) -> None:
    assert boxed(text) == content


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("We get 3, then 5. The answer is 4.", "4"),
        ("The final answer is $\\frac{1}{2}$. I hope it is correct; 99.", "\\frac{1}{2}"),
        ("Answer: 12 apples", "12"),
        ("Thus $x=3$ and so $y=7$", "y=7"),
        ("There are 3 + 4 = 7", "7"),
        ("It costs 1,250", "1,250"),
        ("\\boxed{5} The answer is 6", "5"),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_without_a_box_the_answer_is_looked_for(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


def test_answers_of_one_query_are_numbered_by_what_they_mean(labeler: MathLabeler) -> None:
    completions = [
        "\\boxed{\\frac12}",
        "\\boxed{2}",
        "The answer is 0.5",
        "I give up.",
        "\\boxed{\\frac{4}{2}}",
        "\\boxed{50\\%}",
        "\\boxed{3}",
        "\\boxed{\\frac{1}{}}\\boxed{",
    ]
    found = labeler.label_group("\\boxed{0.5}", completions)
    assert found.labels[:7] == [1, 0, 1, None, 0, 1, 0]
    assert found.answers.tolist()[:7] == [0, 1, 0, -1, 1, 0, 2]


def test_what_has_no_answer_is_worth_what_one_says() -> None:
    with MathLabeler(no_answer=0.0, boxed_only=True) as labeler:
        assert labeler.label("5", "The answer is 5") == 0.0
        assert labeler.label("5", "\\boxed{5}") == 1.0


def test_a_reference_that_is_none_is_an_error(labeler: MathLabeler) -> None:
    for reference in ("", "\\frac{"):
        with pytest.raises(LabelError, match="cannot be parsed"):
            labeler.label(reference, "\\boxed{1}")


HOSTILE = [
    "9^{9^{9^{9}}}",
    "10^{10^{10}}",
    "100000!!",
    "(((((" * 100,
    "\\frac{" * 150,
    "x^{" * 200 + "}" * 200,
    "\\int_0^1 x^{x^{x^x}} dx",
    "\\sum_{n=1}^{10^9} n^n",
    "\x00\x01",
    "1" * 5000,
]


def test_what_hangs_or_explodes_is_killed_and_the_next_one_is_labeled() -> None:
    began = time.monotonic()
    with MathLabeler(timeout=1.5) as labeler:
        for answer in HOSTILE:
            assert labeler.label("7", f"\\boxed{{{answer}}}") in (None, 0.0), answer
            assert labeler.label("7", "\\boxed{7}") == 1.0
    assert time.monotonic() - began < 60


def test_what_is_python_is_not_run(labeler: MathLabeler, tmp_path: Path) -> None:
    path = tmp_path / "touched"
    for code in (
        f"__import__('os').system('touch {path}')",
        f"\\text{{__import__('os').system('touch {path}')}}",
        f"1+__import__('pathlib').Path('{path}').touch()",
        f"open('{path}','w')",
        f"\\input{{{path}}}\\write18{{touch {path}}}",
    ):
        assert labeler.label("7", f"\\boxed{{{code}}}") in (None, 0.0)
        labeler.label("7", f"The answer is {code}")
    assert not path.exists()


def test_it_works_outside_of_the_main_thread(labeler: MathLabeler) -> None:
    labels: list[float | None] = []
    threads = [
        threading.Thread(
            target=lambda: labels.append(labeler.label("x^2-1", "\\boxed{(x-1)(x+1)}"))
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert labels == [1.0] * 4


def test_closing_ends_the_processes() -> None:
    with MathLabeler() as labeler:
        assert labeler.label("\\frac12", "\\boxed{0.5}") == 1.0
        process = labeler._all[0]._process
        assert process is not None
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)
