"""What went wrong, one class for each code of the coordinator.

Every error says in one sentence what could not be done, what was found and what was expected. The
codes are those of `Sources/LanguageSystem/ErrorCode.swift`; a test compares the two lists. What
never reached the coordinator, or came back unreadable, has classes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class LanguageSystemError(Exception):
    """Everything that this package refuses or fails at.

    Attributes:
        code: The coordinator's word for it, or ours where it said nothing.
        message: One sentence.
        hint: What to do about it, where it is known.
        param: The field that it is about, as in `features.shape[0]`.
        status: The HTTP status; None where there was no answer.
        request_id: The request's id in the coordinator's log.
        retry_after: Seconds after which asking again may help; None where it does not.
    """

    code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        param: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.param = param
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n  hint: {self.hint}"


class CoordinatorError(LanguageSystemError):
    """The coordinator answered with a refusal; a code that this release does not know."""


class InvalidArgumentError(CoordinatorError):
    code = "invalidArgument"


class InvalidFeaturesError(CoordinatorError):
    code = "invalidFeatures"


class InvalidWeightsError(CoordinatorError):
    code = "invalidWeights"


class ContractMismatchError(CoordinatorError):
    """The features were taken in another way than the base model's; the message has both."""

    code = "contractMismatch"


class WrongMethodError(CoordinatorError):
    code = "wrongMethod"


class WrongMediaTypeError(CoordinatorError):
    code = "wrongMediaType"


class UnknownBaseModelError(CoordinatorError):
    code = "unknownBaseModel"


class UnknownDomainError(CoordinatorError):
    code = "unknownDomain"


class UnknownRankerError(CoordinatorError):
    code = "unknownRanker"


class UnknownVersionError(CoordinatorError):
    code = "unknownVersion"


class UnknownCanaryError(CoordinatorError):
    code = "unknownCanary"


class UnknownFeatureSetError(CoordinatorError):
    code = "unknownFeatureSet"


class UnknownTaskError(CoordinatorError):
    code = "unknownTask"


class UnknownWorkerError(CoordinatorError):
    code = "unknownWorker"


class UnknownPathError(CoordinatorError):
    code = "unknownPath"


class UnknownRequestError(CoordinatorError):
    code = "unknownRequest"


class UnknownRuleError(CoordinatorError):
    code = "unknownRule"


class AlreadyExistsError(CoordinatorError):
    code = "alreadyExists"


class ForbiddenTransitionError(CoordinatorError):
    code = "forbiddenTransition"


class LeaseLostError(CoordinatorError):
    code = "leaseLost"


class TokenRefusedError(CoordinatorError):
    code = "tokenRefused"


class IdentityRefusedError(CoordinatorError):
    code = "identityRefused"


class KeyRefusedError(CoordinatorError):
    code = "keyRefused"


class NotPermittedError(CoordinatorError):
    code = "notPermitted"


class TooLargeError(CoordinatorError):
    code = "tooLarge"


class BusyError(CoordinatorError):
    """Too many requests are under way; `retry_after` says when to ask again."""

    code = "busy"


class UnavailableError(CoordinatorError):
    """The database is away, or the coordinator is leaving; `retry_after` says when to ask again."""

    code = "unavailable"


class DeadlineExceededError(CoordinatorError):
    code = "deadlineExceeded"


class CancelledError(CoordinatorError):
    code = "cancelled"


class SchemaMismatchError(CoordinatorError):
    code = "schemaMismatch"


class AddressInUseError(CoordinatorError):
    code = "addressInUse"


class InvalidSettingsError(CoordinatorError):
    code = "invalidSettings"


class InternalError(CoordinatorError):
    code = "internal"


class UnreachableError(LanguageSystemError):
    """No connection to the coordinator, or it broke before the answer."""

    code = "unreachable"


class TimedOutError(UnreachableError):
    """The coordinator did not answer within the client's timeout."""

    code = "timedOut"


class UnreadableAnswerError(LanguageSystemError):
    """The answer is not what the interface promises; something else may listen at the address."""

    code = "unreadableAnswer"


class ContractError(LanguageSystemError):
    """A feature contract says what its vocabulary does not have, or contradicts itself."""

    code = "contract"


class FeatureFileError(LanguageSystemError):
    """Features, or a file of them, are not what they must be."""

    code = "featureFile"


class BackendError(LanguageSystemError):
    """A language model or the server in front of it did not do what was asked."""

    code = "backend"


class LabelError(LanguageSystemError):
    """A labeler cannot work on this machine or with this reference answer."""

    code = "label"


#: The class of each of the coordinator's codes.
ERRORS_BY_CODE: Mapping[str, type[CoordinatorError]] = {
    kind.code: kind for kind in CoordinatorError.__subclasses__()
}


def error_of_answer(status: int, body: Any, retry_after: float | None) -> LanguageSystemError:
    """The error that an answer with a status of 400 or more stands for.

    Args:
        status: The HTTP status.
        body: The decoded JSON body, or None where it was none.
        retry_after: Seconds of the header `retry-after`.
    """
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return UnreadableAnswerError(
            f"the coordinator's refusal cannot be read: found status {status} without an error, "
            "expected one in JSON",
            status=status,
            retry_after=retry_after,
        )
    kind = ERRORS_BY_CODE.get(str(error.get("code")), CoordinatorError)

    def text(name: str) -> str | None:
        value = error.get(name)
        return value if isinstance(value, str) else None

    return kind(
        error["message"],
        hint=text("hint"),
        param=text("param"),
        status=status,
        request_id=text("requestId"),
        retry_after=retry_after,
    )
