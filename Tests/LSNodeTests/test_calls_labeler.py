"""Function calls are compared as a multiset of names and arguments."""

from __future__ import annotations

import json

import pytest

from language_system.errors import LabelError
from language_system.labelers import FunctionCallLabeler

A = {"name": "weather", "arguments": {"city": "Oslo", "days": 3}}
B = {"name": "time", "arguments": {"zone": "CET"}}


@pytest.mark.parametrize(
    ("completion", "label"),
    [
        (json.dumps([A, B]), 1),
        (json.dumps([B, A]), 1),
        ('[{"arguments":{"days":3.0,"city":"Oslo"},"name":"weather"},' + json.dumps(B) + "]", 1),
        (f"Sure:\n```json\n{json.dumps([A, B])}\n```", 1),
        (f"The calls are {json.dumps([A, B])}.", 1),
        (json.dumps([{"type": "function", "function": call} for call in (A, B)]), 1),
        (json.dumps([{"name": "weather", "parameters": A["arguments"]}, B]), 1),
        (json.dumps([{"name": "weather", "arguments": json.dumps(A["arguments"])}, B]), 1),
        (json.dumps([A]), 0),
        (json.dumps([A, B, B]), 0),
        (json.dumps([A, A, B]), 0),
        (json.dumps([{**A, "name": "Weather"}, B]), 0),
        (json.dumps([{**A, "arguments": {"city": "Oslo", "days": "3"}}, B]), 0),
        (json.dumps([{**A, "arguments": {"city": "Oslo"}}, B]), 0),
        (json.dumps([{**A, "arguments": {"city": "Oslo", "days": 3, "unit": None}}, B]), 0),
        (
            '[{"name":"weather","arguments":{"city":"x","city":"Oslo","days":3}},'
            + json.dumps(B)
            + "]",
            0,
        ),
        ("", 0),
        ("weather(Oslo, 3)", 0),
        ("[" * 100_000, 0),
        ("[" + "1" * 50_000 + "]", 0),
        ("[NaN]", 0),
        ("null", 0),
    ],
)
def test_the_same_calls_in_any_order_are_right(completion: str, label: float) -> None:
    assert FunctionCallLabeler().label([A, B], completion) == label
    assert FunctionCallLabeler().label(json.dumps([A, B]), completion) == label


@pytest.mark.parametrize(
    ("one", "other", "label"),
    [
        (True, 1, 0),
        (1, 1.0, 1),
        (0.1, 0.10, 1),
        ([1, 2], [2, 1], 0),
        ({"a": 1, "b": [True]}, {"b": [True], "a": 1}, 1),
        ({"a": 1}, [["a", 1]], 0),
        (None, "None", 0),
        ("", [], 0),
        (10**20, 1e20, 1),
    ],
)
def test_values_are_equal_as_json_means_them(one: object, other: object, label: float) -> None:
    labeler = FunctionCallLabeler()
    reference = [{"name": "f", "arguments": {"x": one}}]
    assert labeler.label(reference, json.dumps([{"name": "f", "arguments": {"x": other}}])) == label


def test_no_calls_at_all_can_be_right() -> None:
    assert FunctionCallLabeler().label([], "[]") == 1


def test_a_reference_that_is_none_is_an_error() -> None:
    with pytest.raises(LabelError, match="no list of calls"):
        FunctionCallLabeler().label("weather", "[]")
