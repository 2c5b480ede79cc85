"""Scores of 0 to 5 by another language model, for what has no single right answer."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any, Final, Literal

import httpx2

from ..errors import LabelError
from ..prompts import judge_messages

_SCORE: Final = re.compile(r"(?i)\bscore\b[\s\"'*_:=]*?([0-5](?:\.[0-9]{1,3})?)(?![0-9.]*[0-9])")
_ALONE: Final = re.compile(r"\s*\**([0-5](?:\.[0-9]{1,3})?)\**(?:\s*/\s*5)?\.?\s*")


class JudgeLabeler:
    """Asks an OpenAI-compatible server for a score of 0 to 5, at temperature 0.

    A reply without a readable score gives None. A server that cannot be asked is an error, so that
    a night without network does not end in a set without labels.

    Args:
        base_url: Such as `http://localhost:8000/v1`.
        model: The judge's name there.
        api_key: The server's, where it wants one.
        timeout: Seconds for each attempt.
        max_retries: After 429, 5xx and broken connections.
    """

    label_kind: Literal["score"] = "score"

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key: str | None = None,
        *,
        timeout: float = 60.0,
        max_retries: int = 3,
        transport: httpx2.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._model = model
        self._max_retries = max_retries
        self._sleep = sleep
        headers = {} if api_key is None else {"authorization": f"Bearer {api_key}"}
        self._http = httpx2.Client(
            base_url=base_url.rstrip("/"), headers=headers, timeout=timeout, transport=transport
        )

    def close(self) -> None:
        """Ends the connections."""
        self._http.close()

    def label(self, query: str, completion: str) -> float | None:
        """0 to 5, or None where the judge's reply has no readable score.

        Args:
            query: The instruction that was answered.

        Raises:
            LabelError: The judge cannot be asked.
        """
        body = {
            "model": self._model,
            "messages": judge_messages(query, completion),
            "temperature": 0,
            "max_tokens": 512,
        }
        for attempt in range(self._max_retries + 1):
            try:
                response = self._http.post("/chat/completions", json=body)
            except httpx2.HTTPError as error:
                why = f"{type(error).__name__} {error}"
            else:
                if response.status_code < 400:
                    return read_score(_content(response))
                why = f"status {response.status_code}"
                if response.status_code < 500 and response.status_code != 429:
                    break
            if attempt < self._max_retries:
                self._sleep(0.5 * 2.0**attempt)
        raise LabelError(f"cannot ask the judge {self._model!r}: {why}")


def _content(response: httpx2.Response) -> str:
    try:
        content: Any = response.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return ""
    return content if isinstance(content, str) else ""


def read_score(reply: str) -> float | None:
    """The last `Score: N` of a judge's reply, or a reply that is nothing but a number from 0 to 5;
    None for anything else."""
    found = _SCORE.findall(reply)
    if found:
        score = float(found[-1])
    elif alone := _ALONE.fullmatch(reply):
        score = float(alone[1])
    else:
        return None
    return score if score <= 5 else None
