"""What makes two features comparable: the feature contract, in a closed vocabulary.

Hidden states of another layer, before instead of after the final norm, of another token or under
another chat template look just as good and are worth nothing to a ranker. So each feature says how
it was taken, in words that have one meaning.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypedDict

from .errors import ContractError


class Message(TypedDict):
    """One message of a conversation, in OpenAI's shape."""

    role: str
    content: str


#: The fields in the order in which they are written and compared.
FIELDS: Final = (
    "revision",
    "layer",
    "layer_fraction",
    "norm",
    "pooling",
    "dtype",
    "template_digest",
)
NORMS: Final = ("none", "final")
DTYPES: Final = ("float32", "float16", "bfloat16")
_POOLING: Final = re.compile(r"last_fed|eos_fed|mean_tail:[1-9][0-9]{0,5}")
_REVISION: Final = re.compile(r"[!-~]+(?: [!-~]+)*")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FeatureContract:
    """How the hidden states of a base model were taken.

    Attributes:
        revision: Of the base model: its commit, then `+` and the quantization, then `+` and the
            adapter, where there are any, as in `3f2a9c1+awq-int4+lora-math`.
        layer: In Hugging Face's numbering: 1 is the output of the first decoder layer, L that of
            the last; 0, the embeddings, is refused.
        layer_fraction: `layer` / L, from above 0 to 1.
        norm: `none`, or `final` when the model's final norm was applied. Hugging Face's last hidden
            state has it, an engine's last layer does not; so layer L without norm is refused.
        pooling: `last_fed`, the state of the last token that entered the model, which predicted the
            last token sampled; `eos_fed`, the state of the end token itself, fed for this purpose;
            or `mean_tail:N`, the mean over the last N tokens that entered the model.
        dtype: The type that the model computed in: `float32`, `float16` or `bfloat16`.
        template_digest: `template_digest()` of the chat template.

    Raises:
        ContractError: A field is none of these.
    """

    revision: str
    layer: int
    layer_fraction: float
    norm: str
    pooling: str
    dtype: str
    template_digest: str

    def __post_init__(self) -> None:
        def require(holds: bool, field: str, expected: str) -> None:
            if not holds:
                found = getattr(self, field)
                raise ContractError(
                    f"cannot use this feature contract: {field} is {found!r}, expected {expected}",
                    param=field,
                )

        require(
            len(self.revision) <= 200 and _REVISION.fullmatch(self.revision) is not None,
            "revision",
            "a commit, such as 3f2a9c1 or 3f2a9c1+awq-int4",
        )
        require(self.layer >= 1, "layer", "1 or more, because 0 is the embeddings")
        require(0 < self.layer_fraction <= 1, "layer_fraction", "above 0 and at most 1")
        require(self.norm in NORMS, "norm", "none or final")
        require(
            _POOLING.fullmatch(self.pooling) is not None,
            "pooling",
            "last_fed, eos_fed or mean_tail:N",
        )
        require(self.dtype in DTYPES, "dtype", "float32, float16 or bfloat16")
        require(
            _DIGEST.fullmatch(self.template_digest) is not None,
            "template_digest",
            "a SHA-256 in 64 hexadecimal digits",
        )
        require(
            self.layer_fraction < 1 or self.norm == "final",
            "norm",
            "final for the last layer, because engines disagree about it",
        )

    @classmethod
    def at(
        cls,
        *,
        layer: int,
        layer_count: int,
        revision: str,
        dtype: str,
        template_digest: str,
        norm: str = "none",
        pooling: str = "last_fed",
    ) -> FeatureContract:
        """The contract of a layer of a model of `layer_count` layers."""
        if not 1 <= layer <= layer_count:
            raise ContractError(
                f"cannot take layer {layer}: the model has {layer_count} layers, "
                f"expected 1 to {layer_count}",
                param="layer",
            )
        return cls(
            revision=revision,
            layer=layer,
            layer_fraction=round(layer / layer_count, 4),
            norm=norm,
            pooling=pooling,
            dtype=dtype,
            template_digest=template_digest,
        )

    def metadata(self) -> dict[str, str]:
        """As a feature file and a safetensors request say it."""
        return {name: _text(getattr(self, name)) for name in FIELDS}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> FeatureContract:
        """What a file's metadata says.

        Raises:
            ContractError: A field is missing or outside the vocabulary, as in files from before it
                was closed.
        """
        for field in fields(cls):
            if field.name not in metadata:
                raise ContractError(
                    f"cannot read a feature contract: found no {field.name}, "
                    f"expected {', '.join(FIELDS)}",
                    param=field.name,
                )
        try:
            layer = int(metadata["layer"])
            fraction = float(metadata["layer_fraction"])
        except ValueError as error:
            raise ContractError(
                "cannot read a feature contract: found "
                f"layer {metadata['layer']!r} and layer_fraction {metadata['layer_fraction']!r}, "
                "expected numbers",
                param="layer",
            ) from error
        return cls(
            revision=metadata["revision"],
            layer=layer,
            layer_fraction=fraction,
            norm=metadata["norm"],
            pooling=metadata["pooling"],
            dtype=metadata["dtype"],
            template_digest=metadata["template_digest"],
        )

    def differences(self, other: FeatureContract) -> list[str]:
        """One clause for each field in which two contracts differ; empty when they agree."""
        return [
            f"{name} is {_text(mine)} here and {_text(theirs)} there"
            for name in FIELDS
            if (mine := getattr(self, name)) != (theirs := getattr(other, name))
        ]


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)


#: What `template_digest` renders: a plain question; a system prompt; several turns, with what
#: templates trim, escape or mistake for their own marks.
DIGEST_CONVERSATIONS: Final[Sequence[Sequence[Message]]] = (
    ({"role": "user", "content": "What is 17 + 25?"},),
    (
        {"role": "system", "content": "Answer in one word."},
        {"role": "user", "content": "Which color is the sky?"},
    ),
    (
        {"role": "user", "content": "  Say \\boxed{x} & <b>\u00fc</b> \U0001f30d\n\n"},
        {"role": "assistant", "content": "\\boxed{x} {{ x }} {% x %}\n"},
        {"role": "user", "content": 'Again, with "quotes" and\ttabs.'},
    ),
)


def template_digest(render: Callable[[Sequence[Message]], str]) -> str:
    """SHA-256 of a chat template, by what it does to three fixed conversations.

    Two templates with equal digests put the same text before the first sampled token, whatever
    their source says. A template that puts today's date into the prompt has another digest
    tomorrow: fix the date in `render`, as it must be fixed for the features themselves.

    Args:
        render: The conversation as the model reads it, with the assistant's header at the end:
            for Hugging Face `tokenizer.apply_chat_template(messages, tokenize=False,
            add_generation_prompt=True)`. When it raises for a conversation, for example because
            the template has no system role, the refusal counts as its result.

    Returns:
        64 hexadecimal digits.

    Raises:
        ContractError: The template renders none of the conversations.
    """
    digest = hashlib.sha256()
    refusal: Exception | None = None
    refused_count = 0
    for conversation in DIGEST_CONVERSATIONS:
        try:
            text = render(conversation).encode()
        except Exception as error:
            refusal = error
            refused_count += 1
            digest.update(b"refused\n")
            continue
        digest.update(f"{len(text)}\n".encode())
        digest.update(text)
    if refused_count == len(DIGEST_CONVERSATIONS):
        raise ContractError(
            f"cannot tell the chat template's digest: it renders no conversation ({refusal})"
        ) from refusal
    return digest.hexdigest()
