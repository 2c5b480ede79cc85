"""Function calls: right when the same functions are called with the same arguments.

The completion is a JSON list of calls, in any order, in the form of xLAM's data:
`[{"name": "weather", "arguments": {"city": "Oslo"}}]`. Numbers are equal by value, so 1 and 1.0 are
one; the order of an object's keys does not matter, that of a list's items does; true is not 1.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Final, Literal

from ..errors import LabelError

#: Longer completions are no answers.
TEXT_LENGTH_MAX: Final = 100_000
_FENCE: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL)


class FunctionCallLabeler:
    """1 when the completion calls exactly the functions of the reference, else 0.

    A completion that is no list of calls is a wrong answer, not an unknown one.
    """

    label_kind: Literal["binary"] = "binary"

    def label(self, query: Sequence[Mapping[str, Any]] | str, completion: str) -> float:
        """See the class.

        Args:
            query: The reference calls, as a list or as JSON.

        Raises:
            LabelError: The reference is no list of calls.
        """
        expected = _calls(query if isinstance(query, str) else json.dumps(list(query)))
        if expected is None:
            raise LabelError(
                "cannot label function calls: the reference is no list of calls, expected "
                '[{"name": …, "arguments": {…}}]'
            )
        return float(_calls_within(completion) == expected)


def _calls_within(text: str) -> Counter[Hashable] | None:
    """The calls of a completion: the whole of it, its last fenced block, or its one list."""
    if len(text) > TEXT_LENGTH_MAX:
        return None
    candidates = [text, *reversed(_FENCE.findall(text))]
    begin, end = text.find("["), text.rfind("]")
    if 0 <= begin < end:
        candidates.append(text[begin : end + 1])
    for candidate in candidates:
        calls = _calls(candidate)
        if calls is not None:
            return calls
    return None


def _calls(text: str) -> Counter[Hashable] | None:
    try:
        calls = json.loads(text, parse_constant=_refuse, object_pairs_hook=_unique)
        if isinstance(calls, dict):
            calls = [calls]
        if not isinstance(calls, list):
            return None
        return Counter(_call(call) for call in calls)
    except (ValueError, RecursionError):
        return None


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice")
    return result


def _call(call: Any) -> Hashable:
    """Raises ValueError for what is no call."""
    if not isinstance(call, dict):
        raise ValueError("no object")
    # OpenAI's shape has the call inside.
    if isinstance(call.get("function"), dict):
        call = call["function"]
    name, arguments = call.get("name"), call.get("arguments", call.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = json.loads(arguments, parse_constant=_refuse, object_pairs_hook=_unique)
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise ValueError("no name or no arguments")
    return name, _value(arguments)


def _value(value: Any) -> Hashable:
    """Equal for equal values: Python's own numbers do the rest, once true is kept apart."""
    if isinstance(value, dict):
        return "object", frozenset((key, _value(item)) for key, item in value.items())
    if isinstance(value, list):
        return "list", tuple(_value(item) for item in value)
    if isinstance(value, bool) or value is None:
        return "word", repr(value)
    return ("text" if isinstance(value, str) else "number"), value
