"""The feature contract's vocabulary is closed, and digests tell templates apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from language_system import FeatureContract, Message, template_digest
from language_system.errors import ContractError
from support import CONTRACT


def test_what_is_written_is_read_again() -> None:
    texts = CONTRACT.metadata()
    assert texts["layer"] == "14"
    assert texts["layer_fraction"] == "0.5833"
    assert FeatureContract.from_metadata(texts | {"domain": "math"}) == CONTRACT


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("pooling", "mean of the last 32 tokens"),
        ("pooling", "mean_tail:0"),
        ("pooling", "last"),
        ("norm", "layer"),
        ("layer", 0),
        ("layer_fraction", 0.0),
        ("layer_fraction", 1.5),
        ("layer_fraction", float("nan")),
        ("dtype", "int8"),
        ("revision", ""),
        ("revision", "a\nb"),
        ("template_digest", "AB" * 32),
    ],
)
def test_a_word_outside_the_vocabulary_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(ContractError, match=f"{field} is") as caught:
        replace(CONTRACT, **{field: value})
    assert caught.value.param == field


@pytest.mark.parametrize("pooling", ["last_fed", "eos_fed", "mean_tail:1", "mean_tail:32"])
def test_each_pooling_of_the_vocabulary_is_taken(pooling: str) -> None:
    assert replace(CONTRACT, pooling=pooling).pooling == pooling


def test_the_last_layer_needs_the_final_norm() -> None:
    with pytest.raises(ContractError, match="norm is 'none', expected final"):
        replace(CONTRACT, layer=24, layer_fraction=1.0)
    assert replace(CONTRACT, layer=24, layer_fraction=1.0, norm="final").norm == "final"


def test_a_layer_that_the_model_does_not_have_is_refused() -> None:
    for layer in (0, 25):
        with pytest.raises(ContractError, match="the model has 24 layers"):
            FeatureContract.at(
                layer=layer, layer_count=24, revision="a", dtype="float32", template_digest="0" * 64
            )


def test_a_missing_field_is_named() -> None:
    texts = CONTRACT.metadata()
    del texts["norm"]
    with pytest.raises(ContractError, match="found no norm"):
        FeatureContract.from_metadata(texts)
    with pytest.raises(ContractError, match="expected numbers"):
        FeatureContract.from_metadata(CONTRACT.metadata() | {"layer": "fourteen"})


def test_differences_name_both_values() -> None:
    other = replace(CONTRACT, layer=15, layer_fraction=0.625)
    assert CONTRACT.differences(CONTRACT) == []
    assert CONTRACT.differences(other) == [
        "layer is 14 here and 15 there",
        "layer_fraction is 0.5833 here and 0.625 there",
    ]


def chatml(messages: Sequence[Message]) -> str:
    turns = "".join(f"<|im_start|>{m['role']}\n{m['content']}<|im_end|>\n" for m in messages)
    return turns + "<|im_start|>assistant\n"


def without_system(messages: Sequence[Message]) -> str:
    if messages[0]["role"] == "system":
        raise ValueError("System role not supported")
    return chatml(messages)


def stripped(message: Message) -> Message:
    return {"role": message["role"], "content": message["content"].strip()}


def refusing(messages: Sequence[Message]) -> str:
    raise ValueError("no template")


def test_the_digest_is_that_of_what_the_model_reads() -> None:
    digest = template_digest(chatml)
    assert len(digest) == 64
    assert digest == template_digest(lambda messages: chatml(list(messages)))
    trimmed = [
        lambda messages: chatml(messages).rstrip("\n"),
        lambda messages: chatml([stripped(message) for message in messages]),
        lambda messages: chatml([{"role": "system", "content": "You help."}, *messages]),
        without_system,
    ]
    assert len({digest, *(template_digest(render) for render in trimmed)}) == 5


def test_a_template_that_renders_nothing_has_no_digest() -> None:
    with pytest.raises(ContractError, match="renders no conversation"):
        template_digest(refusing)


def test_the_digest_does_not_change_between_releases() -> None:
    assert template_digest(chatml).startswith("88287507e83ea41d")
