"""Any server samples; the states come from a second forward pass with the same weights.

This is how SGLang, Ollama, llama.cpp or TGI can be used, none of which returns a state of an inner
layer. The price is one pass over prompt and answer for each candidate, and that the encoder's
weights have to be the sampler's: the canary finds out when they are not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2

from ..contract import FeatureContract, Message
from ..errors import BackendError
from ..features import row_fault
from ..sampling import SamplingConfig
from . import Candidate, Completion, Encoder, FinishReason, Rows, Samples


class ReplayBackend:
    """Samples from an OpenAI-compatible server and replays the texts through an encoder.

    K requests for one candidate each go out at once, rather than one for K: servers lose features
    and seeds in the latter. When some of them fail, the others are given.

    Args:
        base_url: Such as `http://localhost:11434/v1`.
        model: The model's name there.
        encoder: The same weights, in a backend that gives states.
        api_key: The server's, where it wants one.
        concurrency: Requests under way at once.
        timeout: Seconds for each attempt.
        max_retries: After 429, 503 and broken connections, for each candidate.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        encoder: Encoder,
        *,
        api_key: str | None = None,
        concurrency: int = 16,
        timeout: float = 600.0,
        max_retries: int = 2,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._encoder = encoder
        self._concurrency = concurrency
        self._max_retries = max_retries
        self._sleep = sleep
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
        self._http = httpx2.Client(
            base_url=base_url.rstrip("/"), headers=headers, timeout=timeout, transport=transport
        )

    @property
    def contract(self) -> FeatureContract:
        return self._encoder.contract

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def encode(self, messages: Sequence[Message], completions: Sequence[Completion]) -> Rows:
        """The encoder's rows; see `Encoder`."""
        return self._encoder.encode(messages, completions)

    def sample(self, messages: Sequence[Message], config: SamplingConfig, query_id: str) -> Samples:
        """Candidates in the order of their seeds; see `Backend`.

        Raises:
            BackendError: No candidate came; the message is the server's own. Or the encoder failed.
            ValueError: Beam search, which such servers do not have.
        """
        bodies = [
            {
                "model": self._model,
                "messages": [dict(message) for message in messages],
                "logprobs": True,
                **config.openai(query_id, index),
            }
            for index in range(config.candidate_count)
        ]
        with ThreadPoolExecutor(min(self._concurrency, len(bodies))) as threads:
            answers = list(threads.map(self._one, bodies))
        sampled = [answer for answer in answers if isinstance(answer, Candidate)]
        if not sampled:
            raise next(answer for answer in answers if isinstance(answer, BackendError))
        rows = self.encode(messages, [Completion(c.text, c.token_ids) for c in sampled])
        if len(rows.responses) != len(sampled):
            raise BackendError(
                f"the encoder gave {len(rows.responses)} rows, expected {len(sampled)}"
            )
        return Samples(
            rows.instruction,
            [
                Candidate(
                    c.text,
                    c.token_ids,
                    c.finish_reason,
                    c.logprob,
                    None if row_fault(row) else row,
                    c.token_count,
                )
                for c, row in zip(sampled, rows.responses, strict=True)
            ],
        )

    def _one(self, body: dict[str, Any]) -> Candidate | BackendError:
        attempt = 0
        while True:
            status, retry_after = None, None
            try:
                response = self._http.post("/chat/completions", json=body)
                if response.status_code < 400:
                    return _candidate(response)
                status = response.status_code
                retry_after = response.headers.get("retry-after")
                why = f"status {status}: {response.text[:200]}"
            except httpx2.HTTPError as error:
                why = f"{type(error).__name__} {error}"
            except (KeyError, IndexError, TypeError, ValueError) as error:
                return BackendError(
                    f"the server's answer cannot be read: {type(error).__name__} {error}"
                )
            if attempt == self._max_retries or status not in (None, 429, 503):
                return BackendError(
                    f"cannot sample from {self._http.base_url}: {why}", status=status
                )
            self._sleep(_seconds(retry_after, attempt))
            attempt += 1


def _seconds(retry_after: str | None, attempt: int) -> float:
    try:
        return min(float(retry_after or ""), 30.0)
    except ValueError:
        return 0.5 * 2.0**attempt


def _candidate(response: httpx2.Response) -> Candidate:
    """Raises KeyError and its like for what is no chat completion."""
    answer = response.json()
    choice = answer["choices"][0]
    text = choice["message"]["content"]
    if not isinstance(text, str):
        raise TypeError(f"content is {type(text).__name__}")
    reasons: dict[str, FinishReason] = {"stop": "stop", "length": "length"}
    logprobs = (choice.get("logprobs") or {}).get("content")
    token_ids = choice.get("token_ids")
    counted = (answer.get("usage") or {}).get("completion_tokens")
    if counted is None and logprobs:
        counted = len(logprobs)
    return Candidate(
        text=text,
        token_ids=tuple(int(token) for token in token_ids) if token_ids else None,
        finish_reason=reasons.get(str(choice.get("finish_reason")), "other"),
        logprob=sum(float(token["logprob"]) for token in logprobs) if logprobs else None,
        row=None,
        token_count=None if counted is None else int(counted),
    )
