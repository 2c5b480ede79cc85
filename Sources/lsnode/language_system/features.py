"""Groups of candidates, and feature files of them: DESIGN section 3's format, `features/1`."""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from .contract import FeatureContract
from .errors import FeatureFileError
from .tensors import Array

#: The largest absolute value of a feature, label or signal: `Bounds.magnitudeMax`.
MAGNITUDE_MAX: Final = 1e15
#: `Bounds.hiddenSizeMax`.
HIDDEN_SIZE_MAX: Final = 65_536
#: K of one query in a file: `Bounds.candidateCountMax`.
CANDIDATE_COUNT_MAX: Final = 1_024
#: Further numbers of a candidate, `scores.NAME`.
SCORE_COUNT_MAX: Final = 8
_SCORE_NAME: Final = re.compile(r"[a-z0-9_-]{1,40}")
_DOMAIN: Final = re.compile(r"[a-z0-9_.-]+(/[a-z0-9_.-]+)*")

Floats = npt.NDArray[np.floating[Any]]
Split = Literal["train", "test"]
LabelKind = Literal["binary", "score"]


def row_fault(row: Floats) -> str | None:
    """What is wrong with a hidden state that an engine gave; None when nothing is.

    Serving engines return rows of zeros, of one repeated number and of NaN without an error. None
    of them is the state of a token.

    Args:
        row: Shape [D].
    """
    if not np.isfinite(row).all():
        return "a number that is not finite"
    if not (np.abs(row.astype(np.float64)) <= MAGNITUDE_MAX).all():
        return f"a number beyond {MAGNITUDE_MAX:g}"
    if not row.any():
        return "nothing but zeros"
    if row.size > 1 and (row == row.flat[0]).all():
        return "one number again and again"
    return None


@dataclass(frozen=True)
class CandidateGroup:
    """The candidates of one query, in the order in which they were sampled.

    Attributes:
        instruction: The state of the instruction's last token, shape [D], float16 or float32.
        responses: The state of each candidate's last fed token, shape [K, D], the same type.
        labels: Shape [K]: 1 right and 0 wrong, or scores; None where they are unknown.
        logprobs: Shape [K]: sums of the tokens' log-probabilities, in nats.
        token_counts: Shape [K]: tokens sampled, the end token included.
        finished: Shape [K]: whether the model ended the candidate itself; False where it was cut.
        answers: Shape [K]: equal numbers mean equal answers, -1 that none was found.
        scores: Another judge's numbers by name, each of shape [K].
        query_id: Unique within a file.
        level, text, answer: Shown beside the figures; they never reach a ranker.

    Raises:
        FeatureFileError: The shapes disagree, or a row is no hidden state.
    """

    instruction: Floats
    responses: Floats
    labels: Floats | None = None
    logprobs: Floats | None = None
    token_counts: npt.NDArray[np.integer[Any]] | None = None
    finished: npt.NDArray[np.bool_] | None = None
    answers: npt.NDArray[np.integer[Any]] | None = None
    scores: Mapping[str, Floats] = field(default_factory=dict)
    query_id: str = ""
    level: str | None = None
    text: str | None = None
    answer: str | None = None

    def __post_init__(self) -> None:
        name = f"query {self.query_id!r}" if self.query_id else "a candidate group"

        def refuse(found: str, expected: str) -> FeatureFileError:
            return FeatureFileError(f"cannot use {name}: found {found}, expected {expected}")

        if self.responses.ndim != 2 or self.responses.shape[0] < 1:
            raise refuse(f"responses of shape {list(self.responses.shape)}", "[K, D]")
        count, width = self.responses.shape
        if self.instruction.shape != (width,):
            raise refuse(f"an instruction of shape {list(self.instruction.shape)}", f"[{width}]")
        if count > CANDIDATE_COUNT_MAX:
            raise refuse(f"{count} candidates", f"at most {CANDIDATE_COUNT_MAX}")
        if not 1 <= width <= HIDDEN_SIZE_MAX:
            raise refuse(f"rows of {width} numbers", f"1 to {HIDDEN_SIZE_MAX}")
        types = {self.instruction.dtype.name, self.responses.dtype.name}
        if not (len(types) == 1 and types <= {"float16", "float32"}):
            raise refuse(f"features of {' and '.join(sorted(types))}", "float16 or float32 for all")
        if (fault := row_fault(self.instruction)) is not None:
            raise refuse(f"{fault} in the instruction's row", "a hidden state")
        for index, row in enumerate(self.responses):
            if (fault := row_fault(row)) is not None:
                raise refuse(f"{fault} in the row of candidate {index}", "a hidden state")
        columns: dict[str, Array | None] = {
            "labels": self.labels,
            "logprobs": self.logprobs,
            "token_counts": self.token_counts,
            "finished": self.finished,
            "answers": self.answers,
        }
        for score in self.scores:
            if _SCORE_NAME.fullmatch(score) is None:
                raise refuse(f"the score {score!r}", "1 to 40 of a-z, 0-9, '_' and '-'")
            columns[f"scores.{score}"] = self.scores[score]
        if len(self.scores) > SCORE_COUNT_MAX:
            raise refuse(f"{len(self.scores)} scores", f"at most {SCORE_COUNT_MAX}")
        for column, values in columns.items():
            if values is None:
                continue
            if values.shape != (count,):
                raise refuse(f"{column} of shape {list(values.shape)}", f"[{count}]")
            if not (np.abs(values.astype(np.float64)) <= MAGNITUDE_MAX).all():
                raise refuse(f"{column} with a number that is not finite", "finite numbers")
        if self.token_counts is not None and (self.token_counts < 0).any():
            raise refuse("a negative token count", "0 or more")
        if self.answers is not None and (self.answers < -1).any():
            raise refuse("an answer below -1", "-1 or more")

    @property
    def candidate_count(self) -> int:
        return int(self.responses.shape[0])

    @property
    def hidden_size(self) -> int:
        return int(self.responses.shape[1])

    def columns(self) -> tuple[str, ...]:
        """The tensors of a file that this group has values for, beside labels and features."""
        present = [
            name
            for name in ("answers", "finished", "logprobs", "token_counts")
            if getattr(self, name) is not None
        ]
        return tuple(sorted([*present, *(f"scores.{name}" for name in self.scores)]))

    def signals(self) -> dict[str, Array]:
        """The columns as tensors of a file or of a request, each of shape [K]."""
        arrays: dict[str, Array] = {}
        for name in self.columns():
            values = self.scores[name[7:]] if name.startswith("scores.") else getattr(self, name)
            arrays[name] = np.ascontiguousarray(values, dtype=column_type(name))
        return arrays


def answer_ids(answers: Iterable[str | int | None]) -> npt.NDArray[np.int32]:
    """Numbers for answers: equal texts get one number, in order of appearance, None gets -1.

    A whole number is the text of its digits, as in the coordinator's JSON.

    Returns:
        Shape [K], each -1 or more.
    """
    known: dict[str, int] = {}
    ids = [-1 if text is None else known.setdefault(str(text), len(known)) for text in answers]
    return np.array(ids, dtype=np.int32)


@dataclass(frozen=True)
class FeatureSetMetadata:
    """What a feature file says of itself.

    Attributes:
        base_model: Its name at the coordinator.
        domain: Such as `math/algebra`.
        split: `train` or `test`.
        hidden_size: D.
        label_kind: `binary` for labels of 0 and 1, `score` for any numbers.
        contract: How the features were taken; None for files from before contracts.
        extra: Further texts, such as `sampling`.
    """

    base_model: str
    domain: str
    split: Split
    hidden_size: int
    label_kind: LabelKind = "binary"
    contract: FeatureContract | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def require(holds: bool, name: str, expected: str) -> None:
            if not holds:
                raise FeatureFileError(
                    f"cannot describe a feature file: {name} is {getattr(self, name)!r}, "
                    f"expected {expected}",
                    param=name,
                )

        require(bool(self.base_model), "base_model", "a name")
        require(_DOMAIN.fullmatch(self.domain) is not None, "domain", "such as math/algebra")
        require(self.split in ("train", "test"), "split", "train or test")
        require(self.label_kind in ("binary", "score"), "label_kind", "binary or score")
        require(1 <= self.hidden_size <= HIDDEN_SIZE_MAX, "hidden_size", f"1 to {HIDDEN_SIZE_MAX}")

    def texts(self) -> dict[str, str]:
        """The file's `__metadata__`."""
        own = {
            "format": "features/1",
            "base_model": self.base_model,
            "domain": self.domain,
            "split": self.split,
            "hidden_size": str(self.hidden_size),
            "label_kind": self.label_kind,
        }
        return dict(self.extra) | (self.contract.metadata() if self.contract else {}) | own


@dataclass(frozen=True)
class FeatureSet:
    """A feature file in memory.

    Attributes:
        metadata: All texts of the file.
        instruction: Shape [Q, D].
        responses: Shape [R, D].
        offsets: Shape [Q + 1]; query q owns rows `offsets[q]` up to `offsets[q + 1]`.
        labels: Shape [R].
        columns: The optional tensors by name, each of shape [R].
        notes: One object for each query from the JSONL file beside it; empty where there is none.
    """

    metadata: Mapping[str, str]
    instruction: Floats
    responses: Floats
    offsets: npt.NDArray[np.int64]
    labels: npt.NDArray[np.float32]
    columns: Mapping[str, Array]
    notes: Sequence[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def contract(self) -> FeatureContract:
        """Raises `ContractError` where the file is from before the vocabulary was closed."""
        return FeatureContract.from_metadata(self.metadata)

    def __iter__(self) -> Iterator[CandidateGroup]:
        return (self.group(index) for index in range(len(self)))

    def group(self, index: int) -> CandidateGroup:
        """Query `index`, counted from 0."""
        rows = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        note = self.notes[index] if self.notes else {}
        column = {name: values[rows] for name, values in self.columns.items()}
        finished = column.get("finished")
        level = note.get("level")
        return CandidateGroup(
            instruction=self.instruction[index],
            responses=self.responses[rows],
            labels=self.labels[rows],
            logprobs=column.get("logprobs"),
            token_counts=column.get("token_counts"),
            finished=None if finished is None else finished.astype(np.bool_),
            answers=column.get("answers"),
            scores={name[7:]: v for name, v in column.items() if name.startswith("scores.")},
            query_id=str(note.get("query_id", index)),
            level=None if level is None else str(level),
            text=note.get("instruction"),
            answer=note.get("answer"),
        )


def read_feature_set(path: str | os.PathLike[str]) -> FeatureSet:
    """Reads a feature file, and the JSONL file of the same name where there is one.

    BF16 features come as float32, which holds them exactly.

    Raises:
        FeatureFileError: Whatever lscoord would refuse, in one sentence.
    """
    path = Path(path)

    def refuse(found: str) -> FeatureFileError:
        return FeatureFileError(f"cannot read {path}: {found}")

    try:
        with safe_open(path, framework="np") as file:
            metadata = dict(file.metadata() or {})
            types = {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
            arrays = {n: file.get_tensor(n) for n, dtype in types.items() if dtype != "BF16"}
    except FileNotFoundError as error:
        raise refuse("found no such file") from error
    except (SafetensorError, OSError) as error:
        raise refuse(f"it is no safetensors file ({error})") from error
    arrays |= _bfloat16(path, [name for name, dtype in types.items() if dtype == "BF16"])
    if metadata.get("format") != "features/1":
        raise refuse(f"found format {metadata.get('format')!r}, expected 'features/1'")
    for name in ("instruction", "responses", "offsets", "labels"):
        if name not in arrays:
            raise refuse(f"found no tensor {name!r}")
    instruction, responses = arrays["instruction"], arrays["responses"]
    offsets, labels = arrays["offsets"], arrays["labels"]
    width = metadata.get("hidden_size", "")
    for name in ("instruction", "responses"):
        if types[name] not in ("F16", "BF16", "F32"):
            raise refuse(f"found {name!r} of {types[name]}, expected F16, BF16 or F32")
        if arrays[name].ndim != 2 or str(arrays[name].shape[1]) != width:
            raise refuse(
                f"found {name!r} of shape {list(arrays[name].shape)}, hidden_size says {width}"
            )
        if not (np.abs(arrays[name].astype(np.float32)) <= MAGNITUDE_MAX).all():
            raise refuse(f"found a number that is not finite in {name!r}")
    count, total = len(instruction), len(responses)
    if types["offsets"] != "I64" or offsets.shape != (count + 1,) or count < 1:
        raise refuse(f"found offsets of shape {list(offsets.shape)}, expected I64 [{count + 1}]")
    if offsets[0] != 0 or offsets[-1] != total or (np.diff(offsets) < 1).any():
        raise refuse(f"found offsets that do not ascend from 0 to {total}")
    columns = {name: values for name, values in arrays.items() if is_column(name)}
    for name, values in {"labels": labels, **columns}.items():
        allowed = column_type_names(name)
        if types[name] not in allowed or values.shape != (total,):
            raise refuse(
                f"found {name!r} of {types[name]} {list(values.shape)}, "
                f"expected {' or '.join(allowed)} [{total}]"
            )
        if not (np.abs(values.astype(np.float64)) <= MAGNITUDE_MAX).all():
            raise refuse(f"found a number that is not finite in {name!r}")
    if metadata.get("label_kind") == "binary" and not np.isin(labels, (0, 1)).all():
        raise refuse("found a label other than 0 and 1, label_kind is binary")
    notes = _read_notes(path.with_suffix(".jsonl"), count)
    return FeatureSet(metadata, instruction, responses, offsets, labels, columns, notes)


def _read_notes(path: Path, count: int) -> list[Mapping[str, Any]]:
    if not path.exists():
        return []
    try:
        notes = [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]
    except ValueError as error:
        raise FeatureFileError(f"cannot read {path}: a line is no JSON ({error})") from error
    if len(notes) != count:
        raise FeatureFileError(
            f"cannot read {path}: found {len(notes)} lines, expected {count}, one a query"
        )
    for index, note in enumerate(notes):
        if not isinstance(note, dict) or not isinstance(note.get("query_id"), str):
            raise FeatureFileError(
                f"cannot read {path}: line {index + 1} is not a JSON object with query_id"
            )
    return notes


def _bfloat16(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Tensors that numpy has no type for: a BF16 is the upper half of a float32."""
    if not names:
        return {}
    arrays: dict[str, Array] = {}
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        entries = json.loads(file.read(length))
        for name in names:
            begin, end = entries[name]["data_offsets"]
            file.seek(8 + length + begin)
            halves = np.frombuffer(file.read(end - begin), dtype="<u2")
            wide = (halves.astype(np.uint32) << 16).view(np.float32)
            arrays[name] = wide.reshape(entries[name]["shape"])
    return arrays


_COLUMN_TYPES: Final[Mapping[str, str]] = {
    "labels": "<f4",
    "logprobs": "<f4",
    "token_counts": "<i4",
    "finished": "u1",
    "answers": "<i4",
}


def is_column(name: str) -> bool:
    """Whether a file may have an optional tensor of this name."""
    if name.startswith("scores."):
        return _SCORE_NAME.fullmatch(name[7:]) is not None
    return name in _COLUMN_TYPES and name != "labels"


def column_type(name: str) -> np.dtype[Any]:
    """What the labels or a column are written as."""
    return np.dtype(_COLUMN_TYPES.get(name, "<f4"))


def column_type_names(name: str) -> tuple[str, ...]:
    """The safetensors types that the labels or a column may have, the written one first."""
    if name == "finished":
        return ("U8", "BOOL")
    return {"<f4": ("F32",), "<i4": ("I32",)}[_COLUMN_TYPES.get(name, "<f4")]
