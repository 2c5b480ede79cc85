"""The coordinator's REST interface as Python calls, one class that waits and one that awaits.

Reranks always go as safetensors, which the coordinator scores where they lie; JSON would have to be
parsed and its base64 decoded, at twice the cost. Refusals are the classes of `errors`.

What a call sends and what an answer means is decided by the functions in the middle of this file,
which do no I/O; the two clients only carry it.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import httpx2
import numpy as np

from .contract import FeatureContract
from .errors import (
    LanguageSystemError,
    TimedOutError,
    UnreachableError,
    UnreadableAnswerError,
    error_of_answer,
)
from .features import CandidateGroup
from .tensors import Array, body
from .version import __version__

Aggregate = Literal["best", "weighted_vote"]
Value = TypeVar("Value")

_SAFETENSORS: Final = "application/vnd.safetensors"
#: Longer waits than this are the caller's to decide: the error is raised, with `retry_after`.
RETRY_AFTER_MAX: Final = 30.0
#: Requests of a batch that are under way at once.
BATCH_WIDTH: Final = 8
_CHUNK_BYTE_COUNT: Final = 1 << 20


# --- what is said ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class RerankRequest:
    """One rerank, as `rerank_batch` takes it; the fields are those of `Client.rerank`."""

    model: str
    features: CandidateGroup | Array
    user: str | None = None
    domain: str | None = None
    top_n: int | None = None
    fallbacks: Sequence[str] = ()
    keep: bool = False
    contract: FeatureContract | None = None
    aggregate: Aggregate = "best"
    raw_scores: bool = False
    request_id: str | None = None


@dataclass(frozen=True)
class Result:
    """One candidate: its index in the request, from 0, and its score."""

    index: int
    relevance_score: float


@dataclass(frozen=True)
class Meta:
    """Which ranker ordered the candidates, and why that one; see the page Serving.

    Attributes:
        ranker, version, digest, kind: None where no ranker fits and the candidates keep their
            order.
        signals: The signals that the order rests on beside the score.
        timings: Milliseconds by stage: `route_ms`, `load_ms`, `queue_ms`, `compute_ms`.
    """

    ranker: str | None
    version: int | None
    digest: str | None
    kind: str | None
    reason: str
    rule: str | None
    fallback: bool
    explanation: str
    where: str
    worker: str | None
    signals: tuple[str, ...]
    aggregate: str
    timings: Mapping[str, float]


@dataclass(frozen=True)
class RerankResponse:
    """The candidates, best first.

    Attributes:
        id: The request's id; outcomes name it.
        model: `ranker@version`, or the base model when no ranker fits.
    """

    id: str
    model: str
    results: tuple[Result, ...]
    meta: Meta

    @property
    def best(self) -> int:
        """The index of the first candidate."""
        return self.results[0].index


@dataclass(frozen=True)
class PrefetchResponse:
    model: str
    ranker: str
    version: int
    digest: str
    was_cached: bool
    pinned: bool


@dataclass(frozen=True)
class Model:
    """A base model, or a ranker that has a champion (`kind`, `champion`)."""

    id: str
    owned_by: str
    kind: str | None = None
    champion: int | None = None


@dataclass(frozen=True)
class ImportedFeatures:
    """A feature set that the coordinator has.

    Attributes:
        user: Whose it is; None for everybody's.
        digest: SHA-256 of the file's bytes, 64 hexadecimal digits.
        queries, responses: How many it holds.
        duplicate: Whether the coordinator had it already, and nothing was stored.
    """

    id: int
    digest: str
    queries: int
    responses: int
    duplicate: bool
    user: str | None = None


# --- what a call sends, and what an answer means --------------------------------------------------


@dataclass(frozen=True)
class _Call:
    """A request without its address. `file` is streamed in place of `content`."""

    method: str
    path: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    json: Mapping[str, Any] | None = None
    file: Path | None = None


def _rerank_call(request: RerankRequest) -> _Call:
    arrays: dict[str, Array]
    if isinstance(request.features, CandidateGroup):
        group = request.features
        arrays = {"instruction": group.instruction, "responses": group.responses}
        arrays |= group.signals()
    else:
        rows = request.features
        if rows.ndim != 2 or len(rows) < 3 or rows.dtype.name not in ("float16", "float32"):
            raise ValueError(
                f"cannot rerank: found features of {rows.dtype.name} {list(rows.shape)}, "
                "expected float16 or float32 [K + 1, D], the instruction's row first, K at least 2"
            )
        arrays = {"instruction": rows[0], "responses": rows[1:]}
    parameters = {"model": request.model}
    for name, value in (
        ("user", request.user),
        ("domain", request.domain),
        ("top_n", request.top_n),
    ):
        if value is not None:
            parameters[name] = str(value)
    if request.fallbacks:
        parameters["fallbacks"] = ",".join(request.fallbacks)
    if request.aggregate != "best":
        parameters["aggregate"] = request.aggregate
    if request.raw_scores:
        parameters["raw_scores"] = "true"
    headers = {"content-type": _SAFETENSORS}
    if request.keep:
        headers["x-ls-keep"] = "true"
    if request.request_id is not None:
        headers["x-request-id"] = request.request_id
    contract = request.contract.metadata() if request.contract else {}
    return _Call("POST", "/v1/rerank", parameters, headers, content=body(arrays, contract))


def _prefetch_call(model: str, user: str | None, domain: str | None, pin: bool | None) -> _Call:
    fields = {"model": model, "user": user, "domain": domain, "pin": pin}
    said = {name: value for name, value in fields.items() if value is not None}
    return _Call("POST", "/v1/prefetch", json=said)


def _models_call(limit: int, after: str | None) -> _Call:
    parameters = {"limit": str(limit)} | ({} if after is None else {"after": after})
    return _Call("GET", "/v1/models", parameters)


def _import_call(path: Path, user: str | None) -> tuple[_Call, str]:
    """The one place that knows how features are handed in: the file is the body, and the answer's
    digest is compared with ours, so nothing is said of it in the request."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTE_COUNT):
            digest.update(chunk)
    headers = {"content-type": _SAFETENSORS, "content-length": str(path.stat().st_size)}
    parameters = {} if user is None else {"user": user}
    return _Call("POST", "/v1/feature-sets", parameters, headers, file=path), digest.hexdigest()


def _rerank_answer(answer: Any) -> RerankResponse:
    meta = answer["meta"]
    return RerankResponse(
        id=answer["id"],
        model=answer["model"],
        results=tuple(
            Result(int(result["index"]), float(result["relevance_score"]))
            for result in answer["results"]
        ),
        meta=Meta(
            ranker=meta["ranker"],
            version=meta.get("version"),
            digest=meta.get("digest"),
            kind=meta.get("kind"),
            reason=meta["reason"],
            rule=meta.get("rule"),
            fallback=meta["fallback"],
            explanation=meta["explanation"],
            where=meta["where"],
            worker=meta.get("worker"),
            signals=tuple(meta["signals"]),
            aggregate=meta["aggregate"],
            timings=meta["timings"],
        ),
    )


def _prefetch_answer(answer: Any) -> PrefetchResponse:
    return PrefetchResponse(
        answer["model"],
        answer["ranker"],
        answer["version"],
        answer["digest"],
        answer["was_cached"],
        answer["pinned"],
    )


def _models_answer(answer: Any) -> tuple[list[Model], str | None]:
    models = [
        Model(entry["id"], entry["owned_by"], entry.get("kind"), entry.get("champion"))
        for entry in answer["data"]
    ]
    return models, answer["next"] if answer["has_more"] else None


def _import_answer(answer: Any, digest: str) -> ImportedFeatures:
    imported = ImportedFeatures(
        answer["id"],
        answer["digest"],
        answer["queries"],
        answer["responses"],
        answer["duplicate"],
        answer.get("user"),
    )
    if imported.digest != digest:
        raise UnreadableAnswerError(
            f"the coordinator took other bytes than were sent: found digest {imported.digest}, "
            f"expected {digest}"
        )
    return imported


def _read(response: httpx2.Response, read: Callable[[Any], Value]) -> Value:
    """The value of a good answer.

    Raises:
        CoordinatorError: It is a refusal.
        UnreadableAnswerError: It is not what the interface promises.
    """
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.status_code >= 400:
        raise error_of_answer(response.status_code, answer, _retry_after(response.headers))
    try:
        return read(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableAnswerError(
            f"the coordinator's answer cannot be read: {type(error).__name__} {error}, "
            f"expected the answer of {response.request.url.path}",
            status=response.status_code,
        ) from error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; None without the header, or for a date, which lscoord never sends."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None


def retry_delay(error: LanguageSystemError, attempt: int, attempt_count_max: int) -> float | None:
    """Seconds to wait before asking again; None to give up.

    Only what the coordinator says will pass is asked again: 429 and 503, after the time that it
    says. A connection that breaks is tried again at once, since reranks change nothing and kept
    connections end whenever a coordinator stops; a timeout is not, since the time is over.

    Args:
        attempt: Counted from 1.
        attempt_count_max: Attempts in all.
    """
    if attempt >= attempt_count_max or isinstance(error, TimedOutError):
        return None
    if isinstance(error, UnreachableError):
        return 0.05 * attempt
    if error.status not in (429, 503):
        return None
    delay = 0.1 * 2.0 ** (attempt - 1) if error.retry_after is None else error.retry_after
    return delay if delay <= RETRY_AFTER_MAX else None


def _unreachable(error: httpx2.HTTPError, url: str) -> UnreachableError:
    if isinstance(error, httpx2.TimeoutException):
        return TimedOutError(f"the coordinator at {url} did not answer in time ({error!r})")
    return UnreachableError(
        f"the coordinator at {url} cannot be reached: {error}",
        hint="is it running, and does ca_file name its ca.pem?",
    )


@dataclass(frozen=True)
class _Settings:
    base_url: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | bool
    timeout: float
    attempt_count_max: int

    @classmethod
    def checked(
        cls,
        base_url: str,
        api_key: str,
        ca_file: str | os.PathLike[str] | None,
        timeout: float,
        max_retries: int,
    ) -> _Settings:
        if not base_url.startswith(("https://", "http://")):
            raise ValueError(f"cannot ask {base_url!r}: expected https://host:port")
        if not api_key.isprintable() or not api_key.strip():
            raise ValueError("cannot ask with this API key: it is empty or has a line break")
        if timeout <= 0 or max_retries < 0:
            raise ValueError(
                f"found timeout {timeout} and max_retries {max_retries}, "
                "expected above 0 and 0 or more"
            )
        tls: ssl.SSLContext | bool = True
        if ca_file is not None:
            tls = ssl.create_default_context(cafile=os.fspath(ca_file))
        headers = {
            "authorization": f"Bearer {api_key}",
            "user-agent": f"language-system/{__version__}",
        }
        return cls(base_url.rstrip("/"), headers, tls, timeout, max_retries + 1)

    def timeout_of(self, call: _Call) -> float:
        """A file takes as long as it takes; the time is that between two of its pieces."""
        return max(self.timeout, 60.0) if call.file else self.timeout


# --- the clients ----------------------------------------------------------------------------------


class Client:
    """A coordinator, for programs with threads. One client may be used by many threads.

        with Client("https://coordinator:8443", key, ca_file="ca.pem") as client:
            response = client.rerank("llama-8b", rows, user="ada", domain="math/algebra")
            print(texts[response.best])

    Args:
        base_url: Of the HTTPS port, such as `https://localhost:8443`.
        api_key: `lsk_…`, as `lscoord key create` shows it.
        ca_file: The coordinator's `ca.pem`; None trusts what the system trusts.
        timeout: Seconds for each attempt.
        max_retries: How often 429, 503 and broken connections are tried again.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str,
        ca_file: str | os.PathLike[str] | None = None,
        timeout: float = 2.0,
        max_retries: int = 2,
        *,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = _Settings.checked(base_url, api_key, ca_file, timeout, max_retries)
        self._sleep = sleep
        self._http = httpx2.Client(
            base_url=self._settings.base_url,
            headers=dict(self._settings.headers),
            verify=self._settings.tls,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"Client({self._settings.base_url!r})"

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def rerank(
        self,
        model: str,
        features: CandidateGroup | Array,
        user: str | None = None,
        domain: str | None = None,
        top_n: int | None = None,
        fallbacks: Sequence[str] = (),
        keep: bool = False,
        *,
        contract: FeatureContract | None = None,
        aggregate: Aggregate = "best",
        raw_scores: bool = False,
        request_id: str | None = None,
    ) -> RerankResponse:
        """Orders the candidates of one query, best first.

        Args:
            model: A base model, `ranker`, `ranker:alias` or `ranker@version`.
            features: Shape [K + 1, D], float16 or float32, the instruction's row first; or a group,
                whose log-probabilities, answers and other columns go along as signals.
            user, domain: Whose ranker, and of what.
            top_n: Only the so many best come back.
            fallbacks: Tried in order when `model` names a ranker that cannot serve.
            keep: The request is kept for `lscoord replay`.
            contract: How the features were taken; a mismatch is refused.
            aggregate: `weighted_vote` puts the best answer first; needs answers.
            raw_scores: Scores as the ranker gives them, not in [0, 1].
            request_id: 1 to 64 of letters, digits, '.', '_' and '-'; else the coordinator's own.

        Raises:
            CoordinatorError: It refused; a class for each code.
            UnreachableError: There was no answer.
            ValueError: The features are not of this shape or type.
        """
        return self._rerank(
            RerankRequest(
                model,
                features,
                user,
                domain,
                top_n,
                fallbacks,
                keep,
                contract,
                aggregate,
                raw_scores,
                request_id,
            )
        )

    def rerank_batch(
        self, requests: Sequence[RerankRequest]
    ) -> list[RerankResponse | LanguageSystemError]:
        """Each request by itself, in order: its response, or the error it would have raised alone.

        They go as safetensors over kept connections, `BATCH_WIDTH` at once; the coordinator's own
        batch takes JSON only, which costs more than the connections do.
        """

        def one(request: RerankRequest) -> RerankResponse | LanguageSystemError:
            try:
                return self._rerank(request)
            except LanguageSystemError as error:
                return error

        if not requests:
            return []
        with ThreadPoolExecutor(min(BATCH_WIDTH, len(requests))) as threads:
            return list(threads.map(one, requests))

    def prefetch(
        self,
        model: str,
        user: str | None = None,
        domain: str | None = None,
        pin: bool | None = None,
    ) -> PrefetchResponse:
        """Has the ranker in memory before it is asked for. `pin` keeps it there for this key."""
        return self._ask(_prefetch_call(model, user, domain, pin), _prefetch_answer)

    def models(self, page_size: int = 100) -> Iterator[Model]:
        """Base models and rankers that the key may name, read page by page."""
        after: str | None = None
        while True:
            models, after = self._ask(_models_call(page_size, after), _models_answer)
            yield from models
            if after is None:
                return

    def import_features(
        self, path: str | os.PathLike[str], user: str | None = None
    ) -> ImportedFeatures:
        """Hands in a feature file, which is streamed. The same file twice is stored once.

        Args:
            user: Whose features they are; None for everybody's.

        Raises:
            CoordinatorError: The key is not for features, or the file is not what it must be.
            OSError: The file cannot be read.
        """
        call, digest = _import_call(Path(path), user)
        return self._ask(call, lambda answer: _import_answer(answer, digest))

    def _rerank(self, request: RerankRequest) -> RerankResponse:
        return self._ask(_rerank_call(request), _rerank_answer)

    def _ask(self, call: _Call, read: Callable[[Any], Value]) -> Value:
        attempt = 1
        while True:
            try:
                return _read(self._send(call), read)
            except LanguageSystemError as error:
                delay = retry_delay(error, attempt, self._settings.attempt_count_max)
                if delay is None:
                    raise
            self._sleep(delay)
            attempt += 1

    def _send(self, call: _Call) -> httpx2.Response:
        try:
            return self._http.request(
                call.method,
                call.path,
                params=dict(call.parameters),
                headers=dict(call.headers),
                content=_pieces(call.file) if call.file else call.content or None,
                json=call.json,
                timeout=self._settings.timeout_of(call),
            )
        except httpx2.HTTPError as error:
            raise _unreachable(error, self._settings.base_url) from error


class AsyncClient:
    """A coordinator, for programs with an event loop. See `Client`, whose calls these are."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        ca_file: str | os.PathLike[str] | None = None,
        timeout: float = 2.0,
        max_retries: int = 2,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = _Settings.checked(base_url, api_key, ca_file, timeout, max_retries)
        self._sleep = sleep
        self._http = httpx2.AsyncClient(
            base_url=self._settings.base_url,
            headers=dict(self._settings.headers),
            verify=self._settings.tls,
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"AsyncClient({self._settings.base_url!r})"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connections."""
        await self._http.aclose()

    async def rerank(
        self,
        model: str,
        features: CandidateGroup | Array,
        user: str | None = None,
        domain: str | None = None,
        top_n: int | None = None,
        fallbacks: Sequence[str] = (),
        keep: bool = False,
        *,
        contract: FeatureContract | None = None,
        aggregate: Aggregate = "best",
        raw_scores: bool = False,
        request_id: str | None = None,
    ) -> RerankResponse:
        """Orders the candidates of one query, best first; see `Client.rerank`."""
        return await self._rerank(
            RerankRequest(
                model,
                features,
                user,
                domain,
                top_n,
                fallbacks,
                keep,
                contract,
                aggregate,
                raw_scores,
                request_id,
            )
        )

    async def rerank_batch(
        self, requests: Sequence[RerankRequest]
    ) -> list[RerankResponse | LanguageSystemError]:
        """Each request by itself, in order; see `Client.rerank_batch`."""
        places = asyncio.Semaphore(BATCH_WIDTH)

        async def one(request: RerankRequest) -> RerankResponse | LanguageSystemError:
            async with places:
                try:
                    return await self._rerank(request)
                except LanguageSystemError as error:
                    return error

        return list(await asyncio.gather(*(one(request) for request in requests)))

    async def prefetch(
        self,
        model: str,
        user: str | None = None,
        domain: str | None = None,
        pin: bool | None = None,
    ) -> PrefetchResponse:
        """Has the ranker in memory before it is asked for; see `Client.prefetch`."""
        return await self._ask(_prefetch_call(model, user, domain, pin), _prefetch_answer)

    async def models(self, page_size: int = 100) -> AsyncIterator[Model]:
        """Base models and rankers that the key may name, read page by page."""
        after: str | None = None
        while True:
            models, after = await self._ask(_models_call(page_size, after), _models_answer)
            for model in models:
                yield model
            if after is None:
                return

    async def import_features(
        self, path: str | os.PathLike[str], user: str | None = None
    ) -> ImportedFeatures:
        """Hands in a feature file, which is streamed; see `Client.import_features`."""
        call, digest = await asyncio.to_thread(_import_call, Path(path), user)
        return await self._ask(call, lambda answer: _import_answer(answer, digest))

    async def _rerank(self, request: RerankRequest) -> RerankResponse:
        return await self._ask(_rerank_call(request), _rerank_answer)

    async def _ask(self, call: _Call, read: Callable[[Any], Value]) -> Value:
        attempt = 1
        while True:
            try:
                return _read(await self._send(call), read)
            except LanguageSystemError as error:
                delay = retry_delay(error, attempt, self._settings.attempt_count_max)
                if delay is None:
                    raise
            await self._sleep(delay)
            attempt += 1

    async def _send(self, call: _Call) -> httpx2.Response:
        try:
            return await self._http.request(
                call.method,
                call.path,
                params=dict(call.parameters),
                headers=dict(call.headers),
                content=_pieces_async(call.file) if call.file else call.content or None,
                json=call.json,
                timeout=self._settings.timeout_of(call),
            )
        except httpx2.HTTPError as error:
            raise _unreachable(error, self._settings.base_url) from error


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_CHUNK_BYTE_COUNT):
            yield piece


async def _pieces_async(path: Path) -> AsyncIterator[bytes]:
    pieces = _pieces(path)
    while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
        yield piece


def rows_of(instruction: Array, responses: Array) -> Array:
    """One contiguous array of shape [K + 1, D] for `Client.rerank`: the instruction's row [D],
    then the candidates' [K, D]."""
    return np.concatenate([instruction[None], responses])
