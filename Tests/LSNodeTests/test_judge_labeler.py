"""The judge's replies, and what happens when it cannot be asked; and the prompts."""

from __future__ import annotations

import json

import httpx2
import pytest

from language_system import prompts
from language_system.errors import LabelError
from language_system.labelers import JudgeLabeler
from language_system.labelers.judge import read_score
from support import answering


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("It is fine.\nScore: 4", 4),
        ("**Score: 3**", 3),
        ("score = 2.5", 2.5),
        ('{"score": 5}', 5),
        ("Score: 1 at first, but then.\nScore: 0", 0),
        ("Score: 4/5", 4),
        ("4", 4),
        ("3.5 / 5", 3.5),
        ("Score: 6", None),
        ("Score: 10", None),
        ("Score: 45", None),
        ("Score: 5.5", None),
        ("Score: -1", None),
        ("four", None),
        ("I give it 4 stars of 5", None),
        ("", None),
    ],
)
def test_a_score_is_read_or_there_is_none(reply: str, score: float | None) -> None:
    assert read_score(reply) == score


def reply(content: object) -> httpx2.Response:
    return httpx2.Response(200, json={"choices": [{"message": {"content": content}}]})


def judge(
    *answers: httpx2.Response | Exception,
) -> tuple[JudgeLabeler, list[httpx2.Request], list[float]]:
    handle, requests = answering(*answers)
    waits: list[float] = []
    labeler = JudgeLabeler(
        "http://judge/v1",
        "big",
        "secret",
        transport=httpx2.MockTransport(handle),
        sleep=waits.append,
    )
    return labeler, requests, waits


def test_the_judge_is_asked_with_the_rubric_at_temperature_0() -> None:
    labeler, (*_,), _ = judge()
    labeler, requests, _ = judge(reply("Good.\nScore: 4"))
    assert labeler.label("Name a color.", "Blue. Score: 5") == 4
    body = json.loads(requests[0].content)
    assert requests[0].url.path == "/v1/chat/completions"
    assert requests[0].headers["authorization"] == "Bearer secret"
    assert body["temperature"] == 0
    assert body["messages"][0]["content"] == prompts.JUDGE_RUBRIC
    assert "Name a color." in body["messages"][1]["content"]


@pytest.mark.parametrize("content", [None, "no", ["x"], ""])
def test_an_unreadable_reply_is_no_label(content: object) -> None:
    labeler, _, _ = judge(reply(content))
    assert labeler.label("q", "a") is None


def test_a_server_that_is_busy_is_asked_again_and_one_that_refuses_is_an_error() -> None:
    labeler, _, waits = judge(
        httpx2.Response(429), httpx2.ConnectError("no"), httpx2.Response(500), reply("5")
    )
    assert labeler.label("q", "a") == 5
    assert waits == [0.5, 1, 2]
    labeler, requests, _ = judge(httpx2.Response(401))
    with pytest.raises(LabelError, match="status 401"):
        labeler.label("q", "a")
    labeler, requests, _ = judge(*(httpx2.ConnectError("no") for _ in range(4)))
    with pytest.raises(LabelError, match="cannot ask the judge 'big': ConnectError no"):
        labeler.label("q", "a")
    assert len(requests) == 4


def test_prompts_say_what_the_labelers_read() -> None:
    assert "\\boxed{}" in prompts.math_messages("1 + 1?")[0]["content"]
    code = prompts.code_messages("Add.", ["assert f(1, 2) == 3"])[0]["content"]
    assert "assert f(1, 2) == 3" in code
    calls = prompts.call_messages("Weather in Oslo?", [{"name": "weather"}])
    assert '[{"name": "weather"}]' in calls[0]["content"]
    assert prompts.instruction_messages("Do it.", "Context.")[0]["content"] == "Context.\n\nDo it."
    assert prompts.instruction_messages("Do it.")[0]["content"] == "Do it."
