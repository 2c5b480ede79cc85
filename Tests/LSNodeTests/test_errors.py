"""Every code of the coordinator has a class of its own here."""

from __future__ import annotations

import re
from typing import Any

from language_system import errors
from support import REPOSITORY


def test_the_codes_are_those_of_the_coordinator() -> None:
    source = (REPOSITORY / "Sources/LanguageSystem/ErrorCode.swift").read_text()
    cases = re.findall(r"^    case `?(\w+)`?$", source, re.MULTILINE)
    assert len(cases) > 30
    assert set(errors.ERRORS_BY_CODE) == set(cases)


def test_an_answer_becomes_the_class_of_its_code_with_all_that_it_says() -> None:
    answer = {
        "error": {
            "message": "too many",
            "code": "busy",
            "param": None,
            "hint": "wait",
            "requestId": "r1",
        }
    }
    error = errors.error_of_answer(429, answer, 1.5)
    assert isinstance(error, errors.BusyError)
    assert (error.status, error.retry_after, error.request_id) == (429, 1.5, "r1")
    assert str(error) == "too many\n  hint: wait"


def test_a_code_that_is_not_known_yet_is_still_a_refusal_of_the_coordinator() -> None:
    error = errors.error_of_answer(418, {"error": {"message": "no", "code": "teapot"}}, None)
    assert type(error) is errors.CoordinatorError


def test_a_refusal_that_is_none_of_ours_is_said_to_be_unreadable() -> None:
    bodies: list[Any] = [None, [], {"error": "x"}, {"error": {"message": 3}}, "<html>"]
    for body in bodies:
        assert isinstance(errors.error_of_answer(502, body, None), errors.UnreadableAnswerError)
