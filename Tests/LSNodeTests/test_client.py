"""What the clients send, what they make of answers, and when they ask again."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import numpy as np
import pytest
import safetensors

from language_system import AsyncClient, Client, RerankRequest, errors
from language_system.client import RETRY_AFTER_MAX, retry_delay, rows_of
from support import CONTRACT, answering, group

URL = "https://coordinator:8443"
META = {
    "ranker": "math.listwise",
    "version": 3,
    "digest": "0" * 64,
    "kind": "listwise",
    "reason": "domain",
    "fallback": False,
    "explanation": "the domain's ranker",
    "where": "central",
    "signals": ["answers"],
    "aggregate": "best",
    "timings": {"route_ms": 0, "load_ms": 0, "queue_ms": 0, "compute_ms": 0.1},
}
REPLY = {
    "id": "r1",
    "model": "math.listwise@3",
    "results": [{"index": 2, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.5}],
    "meta": META,
}
ROWS = rows_of(group(1).instruction, group(1).responses)


def refusal(status: int, code: str, retry_after: str | None = None) -> httpx2.Response:
    headers = {} if retry_after is None else {"retry-after": retry_after}
    error = {"message": f"it is {code}", "code": code, "type": "x", "param": None, "requestId": "r"}
    return httpx2.Response(status, json={"error": error}, headers=headers)


def ok(answer: Any = REPLY) -> httpx2.Response:
    return httpx2.Response(200, json=answer)


class Asked:
    """A client in front of prepared answers, its requests, and what it waited."""

    def __init__(self, *answers: httpx2.Response | Exception, max_retries: int = 2) -> None:
        self.waits: list[float] = []
        handle, self.requests = answering(*answers)
        self.client = Client(
            URL,
            "lsk_1_secret",
            max_retries=max_retries,
            transport=httpx2.MockTransport(handle),
            sleep=self.waits.append,
        )


def tensors_of(request: httpx2.Request) -> tuple[dict[str, Any], dict[str, str]]:
    tensors = dict(safetensors.deserialize(request.content))  # type: ignore[no-untyped-call]
    length = int.from_bytes(request.content[:8], "little")
    metadata = json.loads(request.content[8 : 8 + length]).get("__metadata__", {})
    return tensors, metadata


def test_a_rerank_is_a_safetensors_body_with_the_rest_in_the_query_string() -> None:
    asked = Asked(ok())
    response = asked.client.rerank(
        "llama-8b",
        ROWS,
        user="ada & co",
        domain="math/algebra",
        top_n=2,
        fallbacks=("a", "b@3"),
        keep=True,
        contract=CONTRACT,
        aggregate="best",
        raw_scores=True,
        request_id="mine",
    )
    (request,) = asked.requests
    assert request.url.path == "/v1/rerank"
    assert dict(parse_qsl(request.url.query.decode())) == {
        "model": "llama-8b",
        "user": "ada & co",
        "domain": "math/algebra",
        "top_n": "2",
        "fallbacks": "a,b@3",
        "raw_scores": "true",
    }
    assert request.headers["content-type"] == "application/vnd.safetensors"
    assert request.headers["authorization"] == "Bearer lsk_1_secret"
    assert request.headers["x-ls-keep"] == "true"
    assert request.headers["x-request-id"] == "mine"
    tensors, metadata = tensors_of(request)
    assert metadata == CONTRACT.metadata()
    assert tensors["instruction"]["shape"] == [8]
    assert tensors["responses"]["shape"] == [4, 8]
    # Scored where it lies: the rows are as they were, one behind the other.
    assert ROWS.tobytes() in request.content
    assert response.best == 2
    assert response.meta.ranker == "math.listwise"
    assert [result.index for result in response.results] == [2, 0]


def test_a_groups_columns_go_along_as_signals() -> None:
    asked = Asked(ok())
    asked.client.rerank("llama-8b", group(1), aggregate="weighted_vote")
    (request,) = asked.requests
    tensors, metadata = tensors_of(request)
    assert metadata == {}
    assert {name: (t["dtype"], t["shape"]) for name, t in tensors.items()} == {
        "instruction": ("F16", [8]),
        "responses": ("F16", [4, 8]),
        "logprobs": ("F32", [4]),
        "token_counts": ("I32", [4]),
        "answers": ("I32", [4]),
        "finished": ("U8", [4]),
        "scores.rm-gpt2": ("F32", [4]),
    }
    assert b"aggregate=weighted_vote" in request.url.query


@pytest.mark.parametrize("shape", [(2, 8), (8,), (2, 2, 8)])
def test_features_of_another_shape_are_refused_before_anything_is_sent(shape: Any) -> None:
    asked = Asked()
    with pytest.raises(ValueError, match="cannot rerank: found features of float16"):
        asked.client.rerank("m", np.zeros(shape, np.float16))
    with pytest.raises(ValueError, match="float64"):
        asked.client.rerank("m", ROWS.astype(np.float64))


def test_busy_and_unavailable_are_asked_again_after_the_time_that_they_say() -> None:
    asked = Asked(refusal(429, "busy", "1"), refusal(503, "unavailable", "2.5"), ok())
    assert asked.client.rerank("m", ROWS).best == 2
    assert asked.waits == [1, 2.5]
    assert len({request.content for request in asked.requests}) == 1


def test_after_the_last_attempt_the_error_says_when_to_ask_again() -> None:
    asked = Asked(*(refusal(503, "unavailable", "1") for _ in range(3)))
    with pytest.raises(errors.UnavailableError) as caught:
        asked.client.rerank("m", ROWS)
    assert caught.value.retry_after == 1
    assert asked.waits == [1, 1]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalidArgument"),
        (401, "keyRefused"),
        (403, "notPermitted"),
        (404, "unknownBaseModel"),
        (409, "contractMismatch"),
        (413, "tooLarge"),
        (422, "invalidFeatures"),
        (500, "internal"),
    ],
)
def test_other_refusals_are_raised_at_once_each_as_its_class(status: int, code: str) -> None:
    asked = Asked(refusal(status, code, "1"))
    with pytest.raises(errors.ERRORS_BY_CODE[code], match=f"it is {code}"):
        asked.client.rerank("m", ROWS)
    assert asked.waits == []


def test_a_broken_connection_is_tried_again_and_a_timeout_is_not() -> None:
    asked = Asked(httpx2.RemoteProtocolError("gone"), httpx2.ConnectError("no"), ok())
    assert asked.client.rerank("m", ROWS).id == "r1"
    asked = Asked(httpx2.ReadTimeout("late"))
    with pytest.raises(errors.TimedOutError):
        asked.client.rerank("m", ROWS)
    asked = Asked(*(httpx2.ConnectError("refused") for _ in range(3)))
    with pytest.raises(errors.UnreachableError, match="cannot be reached: refused"):
        asked.client.rerank("m", ROWS)


def test_nobody_waits_longer_than_a_bound() -> None:
    late = errors.BusyError("busy", status=429, retry_after=RETRY_AFTER_MAX + 1)
    assert retry_delay(late, 1, 3) is None
    assert retry_delay(errors.BusyError("busy", status=429), 2, 3) == 0.2
    assert retry_delay(errors.BusyError("busy", status=429, retry_after=0), 1, 3) == 0


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"{}", b'{"id":"r","model":"m","results":[{}],"meta":{}}'],
)
def test_an_answer_of_something_else_is_said_to_be_unreadable(answer: bytes) -> None:
    asked = Asked(httpx2.Response(200, content=answer))
    with pytest.raises(errors.UnreadableAnswerError, match="cannot be read"):
        asked.client.rerank("m", ROWS)


def test_a_batch_is_answered_in_order_each_by_itself() -> None:
    def handle(request: httpx2.Request) -> httpx2.Response:
        model = dict(parse_qsl(request.url.query.decode()))["model"]
        return refusal(404, "unknownRanker") if model == "m7" else ok({**REPLY, "id": model})

    requests = [RerankRequest(f"m{n}", ROWS) for n in range(20)]
    client = Client(URL, "k", transport=httpx2.MockTransport(handle))
    answers = client.rerank_batch(requests)
    assert isinstance(answers[7], errors.UnknownRankerError)
    assert [getattr(answer, "id", None) for answer in answers] == [
        None if n == 7 else f"m{n}" for n in range(20)
    ]
    assert client.rerank_batch([]) == []

    async def batch() -> list[Any]:
        async with AsyncClient(URL, "k", transport=httpx2.MockTransport(handle)) as client:
            return await client.rerank_batch(requests)

    assert [type(answer) for answer in asyncio.run(batch())] == [type(answer) for answer in answers]


def test_prefetch_says_only_what_was_given() -> None:
    reply = {
        "model": "a@1",
        "ranker": "a",
        "version": 1,
        "digest": "0" * 64,
        "was_cached": False,
        "pinned": True,
    }
    asked = Asked(ok(reply))
    assert asked.client.prefetch("a", user="ada", pin=True).pinned
    assert json.loads(asked.requests[0].content) == {"model": "a", "user": "ada", "pin": True}


def page(*names: str, after: str | None = None) -> httpx2.Response:
    data = [{"id": name, "object": "model", "owned_by": "ls"} for name in names]
    more = {"has_more": after is not None} | ({} if after is None else {"next": after})
    return ok({"object": "list", "data": data, **more})


def test_models_are_read_page_by_page_also_past_an_empty_one() -> None:
    asked = Asked(page("a", after="1"), page(after="2"), page("b"))
    assert [model.id for model in asked.client.models(page_size=1)] == ["a", "b"]
    assert [dict(parse_qsl(r.url.query.decode())).get("after") for r in asked.requests] == [
        None,
        "1",
        "2",
    ]


def test_features_are_streamed_with_their_length_and_checked_by_digest(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    path.write_bytes(bytes(range(256)) * 10_000)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    reply = {"id": 5, "digest": digest, "queries": 3, "responses": 9, "duplicate": False}
    asked = Asked(refusal(503, "unavailable", "1"), ok(reply))
    assert asked.client.import_features(path, user="ada").queries == 3
    for request in asked.requests:
        assert request.url.path == "/v1/feature-sets"
        assert request.url.query == b"user=ada"
        assert request.content == path.read_bytes()
        assert request.headers["content-length"] == str(path.stat().st_size)
        assert "transfer-encoding" not in request.headers
    asked = Asked(ok({**reply, "digest": "0" * 64}))
    with pytest.raises(errors.UnreadableAnswerError, match="other bytes than were sent"):
        asked.client.import_features(path)

    async def push() -> bool:
        handle, requests = answering(refusal(429, "busy", "0"), ok(reply))
        async with AsyncClient(URL, "k", transport=httpx2.MockTransport(handle)) as client:
            imported = await client.import_features(path)
        return imported.digest == digest and requests[1].headers["content-length"] == "2560000"

    assert asyncio.run(push())


def test_the_async_client_asks_the_same_and_asks_again_alike() -> None:
    async def ask() -> tuple[list[httpx2.Request], list[float]]:
        handle, requests = answering(
            refusal(503, "unavailable", "1"), ok(), page("a", after="x"), page("b")
        )
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        transport = httpx2.MockTransport(handle)
        async with AsyncClient(URL, "lsk_1_secret", transport=transport, sleep=sleep) as client:
            assert (await client.rerank("llama-8b", ROWS, user="ada")).best == 2
            assert [model.id async for model in client.models()] == ["a", "b"]
        return requests, waits

    requests, waits = asyncio.run(ask())
    assert waits == [1]
    asked = Asked(ok())
    asked.client.rerank("llama-8b", ROWS, user="ada")
    assert requests[1].content == asked.requests[0].content
    assert requests[1].url == asked.requests[0].url


def test_a_key_is_not_shown() -> None:
    assert "secret" not in repr(Asked().client)
    with pytest.raises(ValueError, match="expected https"):
        Client("coordinator:8443", "k")
    with pytest.raises(ValueError, match="it is empty"):
        Client(URL, "")
