"""Safetensors files as bytes: a header that is the same for the same tensors, whoever writes it.

The library's own writer leaves the order of the metadata to chance, so equal feature sets would
have unequal digests. Here everything is sorted: metadata by name; tensors from the widest number to
the narrowest, so that each is aligned, with `instruction` and `responses` one behind the other,
where the coordinator scores them without a copy.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

#: The types that are written, by numpy's names.
TYPE_NAMES: Mapping[str, str] = {
    "float16": "F16",
    "float32": "F32",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
}


@dataclass(frozen=True)
class Tensor:
    """Where a tensor lies: its name, safetensors type, shape, and bytes."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    byte_count: int

    @classmethod
    def of(cls, name: str, array: Array) -> Tensor:
        return cls(name, TYPE_NAMES[array.dtype.name], array.shape, array.nbytes)


def header(tensors: Sequence[Tensor], metadata: Mapping[str, str], byte_count: int = 0) -> bytes:
    """What a file of these tensors begins with, in the order given.

    Args:
        tensors: They lie one behind the other after the header.
        metadata: Texts by name.
        byte_count: Pads the header with spaces up to this length; 0 pads to a multiple of 8.

    Raises:
        ValueError: The header is longer than `byte_count`.
    """
    entries: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for tensor in tensors:
        entries[tensor.name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + tensor.byte_count],
        }
        offset += tensor.byte_count
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if byte_count:
        padding = byte_count - 8 - len(text)
        if padding < 0:
            raise ValueError(f"a header of {len(text) + 8} bytes does not fit into {byte_count}")
        text += b" " * padding
    return struct.pack("<Q", len(text)) + text


def body(arrays: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """A whole file of these arrays. Equal arrays and metadata give equal bytes."""
    first = {"instruction": 0, "responses": 1}
    names = sorted(arrays, key=lambda n: (-arrays[n].dtype.itemsize, first.get(n, 2), n))
    tensors = [Tensor.of(name, arrays[name]) for name in names]
    parts = [np.ascontiguousarray(arrays[name]).reshape(-1).view(np.uint8).data for name in names]
    return b"".join([header(tensors, metadata), *parts])
