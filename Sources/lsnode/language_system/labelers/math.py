"""Mathematics: right when the final answer equals the reference, as math-verify compares them.

What a model wrote may hang or exhaust whatever parses it, and signals do not help: math-verify's
own timeout works in the main thread only, and not always there. So answers are compared in
processes of their own, which are killed when they take too long.
"""

from __future__ import annotations

import json
import os
import queue
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt

from ..errors import LabelError

#: Longer answers are none.
ANSWER_LENGTH_MAX: Final = 1_000
_BOXED: Final = re.compile(r"\\(?:boxed|fbox)\s*(?=\{)")
_SAID: Final = re.compile(r"(?i)\banswer\s*(?:is|:|=)\s*:?\s*(.+)")
_INLINE: Final = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_NUMBER: Final = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?%?")


@dataclass(frozen=True)
class MathLabels:
    """The candidates of one query.

    Attributes:
        labels: Shape [K]: 1, 0, or None where it cannot be told.
        answers: Shape [K]: equal numbers mean equal answers, -1 that none was found.
    """

    labels: list[float | None]
    answers: npt.NDArray[np.int32]


class MathLabeler:
    """1 when the last boxed answer equals the reference, 0 when it does not, else None.

    None stands for what cannot be told: there is no answer in the text (unless `no_answer` says
    what that is worth), it cannot be parsed, or comparing takes too long. A completion without a
    box is read by "the answer is …", then its last formula, then its last number; `boxed_only`
    leaves that out.

    Units do not count, and a degree is one of them: 90 and 90 degrees are equal, and a reference
    such as the sine of 30 degrees should be given as its value.

    Its processes start at the first comparison. One labeler may be used by many threads, as many as
    it has processes at once. Close it, or use it in a `with` statement.

    Args:
        process_count: Comparisons at once.
        timeout: Seconds for one comparison; then its process is killed.
        no_answer: The label of a completion without an answer, such as 0.0; None leaves it out.
        boxed_only: An answer counts only in a box.
        memory_bytes: Address space of a process.

    Raises:
        LabelError: math-verify is not installed.
    """

    label_kind: Literal["binary"] = "binary"

    def __init__(
        self,
        *,
        process_count: int = 1,
        timeout: float = 5.0,
        no_answer: float | None = None,
        boxed_only: bool = False,
        memory_bytes: int = 4 << 30,
    ) -> None:
        if find_spec("math_verify") is None:
            raise LabelError(
                "cannot label mathematics: found no math-verify",
                hint="pip install 'language-system[labels]'",
            )
        self._no_answer = no_answer
        self._boxed_only = boxed_only
        self._comparers: queue.SimpleQueue[_Comparer] = queue.SimpleQueue()
        self._all = [_Comparer(timeout, memory_bytes) for _ in range(process_count)]
        for comparer in self._all:
            self._comparers.put(comparer)

    def __enter__(self) -> MathLabeler:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
        for comparer in self._all:
            comparer.stop()

    def label(self, query: str, completion: str) -> float | None:
        """The label of one candidate.

        Args:
            query: The reference answer, such as `\\frac{1}{2}`, boxed or not.

        Raises:
            LabelError: The reference cannot be parsed.
        """
        return self.label_group(query, [completion]).labels[0]

    def label_group(self, query: str, completions: Sequence[str]) -> MathLabels:
        """All candidates of one query, with the numbers of their answers for majority votes.

        Raises:
            LabelError: The reference cannot be parsed.
        """
        reference = boxed(query)
        reference = query.strip() if reference is None else reference
        comparer = self._comparers.get()
        try:
            if comparer.equal(reference, reference) is None:
                raise LabelError(
                    f"cannot label mathematics: the reference {reference[:80]!r} cannot be parsed"
                )
            return self._label_group(comparer, reference, completions)
        finally:
            self._comparers.put(comparer)

    def _label_group(
        self, comparer: _Comparer, reference: str, completions: Sequence[str]
    ) -> MathLabels:
        labels: list[float | None] = []
        ids: list[int] = []
        # Each distinct text is compared once: with the reference, then with the answers before it.
        known: dict[str, tuple[float | None, int]] = {}
        representatives: list[str] = []
        for completion in completions:
            answer = boxed(completion) if self._boxed_only else final_answer(completion)
            if answer is None:
                labels.append(self._no_answer)
                ids.append(-1)
                continue
            key = normalized(answer)
            if key not in known:
                equal = comparer.equal(reference, answer)
                number = -1 if equal is None else self._number(comparer, answer, representatives)
                known[key] = (None if equal is None else float(equal), number)
            label, number = known[key]
            labels.append(label)
            ids.append(number)
        return MathLabels(labels, np.array(ids, dtype=np.int32))

    @staticmethod
    def _number(comparer: _Comparer, answer: str, representatives: list[str]) -> int:
        for number, other in enumerate(representatives):
            if comparer.equal(other, answer):
                return number
        representatives.append(answer)
        return len(representatives) - 1


def boxed(text: str) -> str | None:
    """What the last `\\boxed{…}` holds, braces balanced; None without a closed box."""
    for match in reversed(list(_BOXED.finditer(text))):
        depth = 0
        for index in range(match.end(), len(text)):
            if text[index] == "{" and text[index - 1] != "\\":
                depth += 1
            elif text[index] == "}" and text[index - 1] != "\\":
                depth -= 1
                if depth == 0:
                    content = text[match.end() + 1 : index].strip()
                    return content if 0 < len(content) <= ANSWER_LENGTH_MAX else None
    return None


def final_answer(text: str) -> str | None:
    """The box, else what follows "the answer is", else the last formula, else the last number."""
    if (content := boxed(text)) is not None:
        return content
    said = _SAID.findall(text)
    for candidate in ([said[-1]] if said else []) + [text]:
        formulas = [next(filter(None, groups)) for groups in _INLINE.findall(candidate)]
        if formulas and len(formulas[-1]) <= ANSWER_LENGTH_MAX:
            return str(formulas[-1]).strip()
        numbers: list[str] = _NUMBER.findall(candidate)
        if numbers:
            return numbers[0] if candidate is not text else numbers[-1]
    return None


def normalized(answer: str) -> str:
    """The same for texts that surely mean the same: spaces and sizes of brackets do not count."""
    text = re.sub(r"\\(?:left|right|displaystyle|,|;|!| )", "", answer)
    text = re.sub(r"\\[dt]frac", r"\\frac", text)
    return re.sub(r"\s+", "", text).rstrip(".")


def _word(answer: str) -> str | None:
    """A plain word or phrase in lower case, for answers such as a weekday; None for formulas."""
    text = re.sub(r"\\(?:text|textbf|mathrm|mbox)\s*\{([^{}]*)\}", r"\1", answer)
    text = text.strip().rstrip(".").strip("()").lower()
    return text if re.fullmatch(r"[a-z][a-z '-]+[a-z]", text) else None


class _Comparer:
    """One process that compares; replaced when it hangs or dies."""

    def __init__(self, timeout: float, memory_bytes: int) -> None:
        self._timeout = timeout
        self._arguments = [str(memory_bytes), str(timeout)]
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    def equal(self, gold: str, answer: str) -> bool | None:
        """Whether two answers are equal; None where that cannot be told."""
        if max(len(gold), len(answer)) > ANSWER_LENGTH_MAX:
            return None
        if normalized(gold) == normalized(answer):
            if _word(gold) is not None or _NUMBER.fullmatch(gold):
                return True
        elif (mine := _word(gold)) is not None and (other := _word(answer)) is not None:
            return mine == other
        said = self._ask([gold, answer])
        return None if said is None else said["equal"]

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        for file in (self._process.stdin, self._process.stdout):
            if file is not None:
                file.close()
        self._process = None

    def _ask(self, message: Any) -> Any:
        """The process's answer; None when there was none in time."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        assert self._process is not None and self._process.stdin is not None
        try:
            os.write(self._process.stdin.fileno(), json.dumps(message).encode() + b"\n")
            return self._line(self._timeout)
        except (OSError, EOFError, TimeoutError):
            self.stop()
            return None

    def _start(self) -> None:
        self.stop()
        self._rest = b""
        # By its path, without this folder on the search path: it has a math.py.
        worker = Path(__file__).with_name("math_worker.py")
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(worker), *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        try:
            self._line(60)
        except (OSError, EOFError, TimeoutError) as error:
            self.stop()
            raise LabelError(
                "cannot label mathematics: math-verify does not start within a minute"
            ) from error

    def _line(self, seconds: float) -> Any:
        assert self._process is not None and self._process.stdout is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    raise TimeoutError
                piece = os.read(self._process.stdout.fileno(), 65_536)
                if not piece:
                    raise EOFError
                self._rest += piece
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)
