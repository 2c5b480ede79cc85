"""Writes feature files that survive being killed at any moment.

Rows go to their place in the final file at once, sixteen queries at a time, and a journal beside
it says how far whole shards reach. So nothing large is written twice, and the same groups give the
same bytes however often the writer was stopped between.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Literal

import numpy as np

from .errors import FeatureFileError
from .features import (
    CANDIDATE_COUNT_MAX,
    CandidateGroup,
    FeatureSetMetadata,
    column_type,
    column_type_names,
    is_column,
    read_feature_set,
)
from .tensors import Array, Tensor, header

#: Queries of a shard: what a kill loses at most.
SHARD_QUERY_COUNT: Final = 16
_RECORD: Final = struct.Struct("<II")


@dataclass
class _Shard:
    """The queries since the last whole shard, in memory only."""

    instruction: list[Array] = field(default_factory=list)
    responses: list[Array] = field(default_factory=list)
    columns: dict[str, list[Array]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    query_count: int = 0

    @property
    def kept_count(self) -> int:
        return len(self.responses)


class FeatureSetWriter:
    """Writes a feature file of queries that come one after the other.

        with FeatureSetWriter(path, metadata, query_count=len(queries)) as writer:
            for query in queries[writer.done_count:]:
                writer.append(group_of(query))     # or writer.drop()
            writer.finish()

    Killed at any moment and started again with the same queries, it goes on after the last whole
    shard (`done_count`), and the file at the end is the same byte for byte. In all it writes at
    most 1.02 times the bytes of the final file where D is 512 or more; below, the columns, which
    are written twice, weigh more.

    On disk, while it is under way: `NAME.safetensors.part` is the final file as far as it is known,
    with the header left out; `NAME.jsonl.part`, one line for each query; and
    `NAME.safetensors.journal`, a record for each whole shard with its checksum, whose small columns
    (labels, log-probabilities, …) move behind the features at the end. Instruction rows have their
    place before the responses, which is why `query_count` is said at the beginning; when queries
    are dropped, the tensor `unused` fills what they would have taken.

    | what | what happens |
    |---|---|
    | killed in the middle of a shard | the shard is written again |
    | killed while finishing, or after | finishing is repeated, or there is nothing left to do |
    | opened with other metadata or another count | refused, with what differs |
    | opened twice at once | the second is refused |
    | the disk is full | one sentence; what was whole stays; start again when there is room |

    Args:
        path: Of the final file, ending in `.safetensors`.
        metadata: What the file says of itself.
        query_count: The queries that will be appended or dropped.
        columns: The optional tensors that every group has, as `CandidateGroup.columns()` names
            them.
        dtype: Of the features, `float16` or `float32`.

    Raises:
        FeatureFileError: See the table.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        metadata: FeatureSetMetadata,
        *,
        query_count: int,
        columns: Sequence[str] = (),
        dtype: Literal["float16", "float32"] = "float16",
    ) -> None:
        self.path = Path(path)
        self.metadata = metadata
        self.query_count = query_count
        #: Bytes that this writer wrote, whatever became of them.
        self.byte_count_written = 0
        self._columns = ("labels", *sorted(columns))
        self._dtype = np.dtype(dtype).newbyteorder("<")
        if self.path.suffix != ".safetensors":
            raise self._refusal(f"its name ends in '{self.path.suffix}', expected .safetensors")
        if query_count < 1:
            raise self._refusal(f"found {query_count} queries, expected 1 or more")
        for name in columns:
            if not is_column(name):
                raise self._refusal(f"found the column {name!r}, expected one of a feature file")
        self._part = self.path.with_name(self.path.name + ".part")
        self._journal = self.path.with_name(self.path.name + ".journal")
        self._notes = self.path.with_suffix(".jsonl")
        self._notes_part = self._notes.with_name(self._notes.name + ".part")
        self._plan = json.dumps(
            {
                "metadata": metadata.texts(),
                "query_count": query_count,
                "columns": self._columns,
                "dtype": dtype,
            },
            sort_keys=True,
        ).encode()
        self._header_byte_count = self._reserve()
        self._shard = _Shard()
        self._done_count = 0
        self._kept_count = 0
        self._row_counts: list[int] = []
        self._small: dict[str, list[bytes]] = {name: [] for name in self._columns}
        self._notes_byte_count = 0
        self._is_finished = False
        self._files: dict[Path, BinaryIO] = {}
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    # What the caller sees.

    @property
    def done_count(self) -> int:
        """Queries that were appended or dropped, those of earlier runs included; where to go on."""
        return self._done_count + self._shard.query_count

    @property
    def kept_count(self) -> int:
        """Those of them that are in the file."""
        return self._kept_count + self._shard.kept_count

    @property
    def is_finished(self) -> bool:
        return self._is_finished

    def append(self, group: CandidateGroup) -> None:
        """The next query.

        Raises:
            FeatureFileError: Its width, type, labels or columns are not the file's, all queries
                have come, or the disk is full.
        """
        self._admit()
        name = f"query {group.query_id!r}"
        if group.hidden_size != self.metadata.hidden_size:
            raise self._refusal(
                f"found {name} with rows of {group.hidden_size} numbers, "
                f"expected {self.metadata.hidden_size}"
            )
        if group.labels is None:
            raise self._refusal(f"found {name} without labels, expected one for each candidate")
        if self.metadata.label_kind == "binary" and not np.isin(group.labels, (0, 1)).all():
            raise self._refusal(f"found {name} with a label other than 0 and 1")
        if ("labels", *group.columns()) != self._columns:
            raise self._refusal(
                f"found {name} with {', '.join(group.columns()) or 'no columns'}, "
                f"expected {', '.join(self._columns[1:]) or 'none'}"
            )
        with np.errstate(over="ignore"):  # What becomes infinite is refused in the next line.
            rows = [
                np.ascontiguousarray(features, dtype=self._dtype)
                for features in (group.instruction, group.responses)
            ]
        if not all(np.isfinite(array).all() for array in rows):
            raise self._refusal(
                f"found {name} with a number that {self._dtype.name} cannot hold, expected float32"
            )
        self._shard.instruction.append(rows[0])
        self._shard.responses.append(rows[1])
        signals = {"labels": np.ascontiguousarray(group.labels, dtype="<f4"), **group.signals()}
        for column, values in signals.items():
            self._shard.columns.setdefault(column, []).append(values)
        note = {"query_id": group.query_id or str(self.done_count)}
        for key, value in (
            ("level", group.level),
            ("instruction", group.text),
            ("answer", group.answer),
        ):
            if value is not None:
                note[key] = value
        self._shard.notes.append(json.dumps(note, ensure_ascii=False) + "\n")
        self._count_query()

    def drop(self) -> None:
        """The next query has no usable candidate and is left out of the file."""
        self._admit()
        self._count_query()

    def finish(self) -> None:
        """Puts the file in its place. Nothing is to be done when that has happened before.

        Raises:
            FeatureFileError: Queries are missing, or all were dropped.
        """
        if self._is_finished:
            return
        if self.done_count != self.query_count:
            raise self._refusal(f"{self.done_count} queries have come, expected {self.query_count}")
        with self._disk():
            if self._shard.query_count:
                self._flush()
            if not self._kept_count:
                raise self._refusal("all queries were dropped, expected at least one to be kept")
            part = self._files[self._part]
            part.seek(self._responses_end())
            part.truncate()
            tail = self._tail()
            for _, data in tail:
                self._write(part, data)
            part.seek(0)
            self._write(part, self._header([tensor for tensor, _ in tail]))
            self._sync(part)
            # The notes first: a feature file that is in place has its notes beside it.
            if self._notes_part.exists():
                self._sync(self._files[self._notes_part])
                self._notes_part.rename(self._notes)
            self._part.rename(self.path)
            self._sync_directory()
            self._journal.unlink()
        self._is_finished = True
        self.close()

    def close(self) -> None:
        """Lets go of the files. What is not a whole shard is forgotten."""
        for file in self._files.values():
            file.close()
        self._files = {}

    def __enter__(self) -> FeatureSetWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Where everything lies.

    @property
    def _row_byte_count(self) -> int:
        return self.metadata.hidden_size * self._dtype.itemsize

    @property
    def _responses_begin(self) -> int:
        return self._header_byte_count + self.query_count * self._row_byte_count

    def _responses_end(self) -> int:
        return self._responses_begin + sum(self._row_counts) * self._row_byte_count

    def _tensors(self, kept: int, rows: int, small: Iterable[Tensor]) -> list[Tensor]:
        width, row = self.metadata.hidden_size, self._row_byte_count
        dtype = {"float16": "F16", "float32": "F32"}[self._dtype.name]
        unused = (self.query_count - kept) * row
        tensors = [Tensor("instruction", dtype, (kept, width), kept * row)]
        if unused:
            tensors.append(Tensor("unused", "U8", (unused,), unused))
        tensors.append(Tensor("responses", dtype, (rows, width), rows * row))
        return [*tensors, *small]

    def _reserve(self) -> int:
        """The header's bytes: those of the longest that this plan may need."""
        rows = self.query_count * CANDIDATE_COUNT_MAX
        small = [Tensor("offsets", "I64", (self.query_count + 1,), 8 * (self.query_count + 1))]
        for name in self._columns:
            small.append(Tensor(name, "F32", (rows,), 4 * rows))
        # One query fewer than planned, so that the tensor 'unused' is counted.
        tensors = self._tensors(self.query_count - 1, rows, small)
        return len(header(tensors, self.metadata.texts())) + 24

    def _header(self, small: Sequence[Tensor]) -> bytes:
        tensors = self._tensors(self._kept_count, sum(self._row_counts), small)
        return header(tensors, self.metadata.texts(), self._header_byte_count)

    def _tail(self) -> list[tuple[Tensor, bytes]]:
        """What stands behind the responses, the widest numbers first."""
        offsets = np.zeros(self._kept_count + 1, dtype="<i8")
        np.cumsum(self._row_counts, out=offsets[1:])
        tail = [(Tensor.of("offsets", offsets), offsets.tobytes())]
        for name in sorted(self._columns, key=lambda n: (-column_type(n).itemsize, n)):
            data = b"".join(self._small[name])
            tensor = Tensor(name, column_type_names(name)[0], (int(offsets[-1]),), len(data))
            tail.append((tensor, data))
        return tail

    # Shards.

    def _count_query(self) -> None:
        self._shard.query_count += 1
        if self._shard.query_count == SHARD_QUERY_COUNT:
            with self._disk():
                self._flush()

    def _flush(self) -> None:
        """Rows and notes to their places, then the record that says so."""
        shard, part, notes = self._shard, self._files[self._part], self._files[self._notes_part]
        row_counts = [len(rows) for rows in shard.responses]
        text = "".join(shard.notes).encode()
        if shard.kept_count:
            part.seek(self._header_byte_count + self._kept_count * self._row_byte_count)
            self._write(part, np.concatenate([row[None] for row in shard.instruction]).tobytes())
            part.seek(self._responses_end())
            self._write(part, np.concatenate(shard.responses).tobytes())
            notes.seek(self._notes_byte_count)
            self._write(notes, text)
            self._sync(part)
            self._sync(notes)
        small = [
            np.concatenate(shard.columns[n]).tobytes() if row_counts else b"" for n in self._columns
        ]
        counts = np.array([shard.query_count, len(text), len(row_counts), *row_counts], dtype="<u4")
        self._record(zlib.compress(counts.tobytes() + b"".join(small), 9))
        self._take(shard.query_count, len(text), row_counts, small)
        self._shard = _Shard()

    def _record(self, payload: bytes) -> None:
        journal = self._files[self._journal]
        journal.seek(0, os.SEEK_END)
        self._write(journal, _RECORD.pack(len(payload), zlib.crc32(payload)) + payload)
        self._sync(journal)

    def _take(
        self, query_count: int, note_byte_count: int, rows: Sequence[int], small: Sequence[bytes]
    ) -> None:
        self._done_count += query_count
        self._kept_count += len(rows)
        self._row_counts += rows
        self._notes_byte_count += note_byte_count
        for name, data in zip(self._columns, small, strict=True):
            self._small[name].append(data)

    # Opening, and going on after an earlier run.

    def _open(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._files[self._journal] = self._journal.open("a+b")
            fcntl.flock(self._files[self._journal], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise self._refusal("another process is writing it, expected to be alone") from error
        except OSError as error:
            raise self._refusal(f"{error.strerror}") from error
        with self._disk():
            records = self._read_journal()
            if self.path.exists():
                self._recognise(records)
                return
            for file in (self._part, self._notes_part):
                self._files[file] = os.fdopen(os.open(file, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
            if not records:
                self._record(self._plan)
            elif records[0] != self._plan:
                raise self._refusal(self._difference(records[0]))
            for payload in records[1:]:
                self._replay(payload)
            self._check_parts()

    def _read_journal(self) -> list[bytes]:
        """The payloads of whole records; what follows them is cut off."""
        journal = self._files[self._journal]
        journal.seek(0)
        data = journal.read()
        records: list[bytes] = []
        position = 0
        while position + _RECORD.size <= len(data):
            length, checksum = _RECORD.unpack_from(data, position)
            payload = data[position + _RECORD.size : position + _RECORD.size + length]
            if len(payload) != length or zlib.crc32(payload) != checksum:
                break
            records.append(payload)
            position += _RECORD.size + length
        journal.truncate(position)
        return records

    def _replay(self, payload: bytes) -> None:
        data = zlib.decompress(payload)
        query_count, note_byte_count, kept = (int(n) for n in np.frombuffer(data, "<u4", 3))
        rows = [int(n) for n in np.frombuffer(data, "<u4", kept, 12)]
        position = 12 + 4 * kept
        small: list[bytes] = []
        for name in self._columns:
            length = sum(rows) * column_type(name).itemsize
            small.append(data[position : position + length])
            position += length
        self._take(query_count, note_byte_count, rows, small)

    def _check_parts(self) -> None:
        notes = self._files[self._notes_part]
        if self._kept_count and not notes.seek(0, os.SEEK_END) and self._notes.exists():
            # Killed between the two renames of finishing.
            notes.close()
            self._notes.rename(self._notes_part)
            notes = self._files[self._notes_part] = self._notes_part.open("r+b")
        for file, expected in (
            (self._files[self._part], self._responses_end() if self._kept_count else 0),
            (notes, self._notes_byte_count),
        ):
            if file.seek(0, os.SEEK_END) < expected:
                raise self._refusal(
                    f"{file.name} is shorter than its journal says, expected {expected} bytes"
                )
            file.truncate(expected)

    def _recognise(self, records: Sequence[bytes]) -> None:
        """The final file is there: of the same plan, or somebody else's."""
        if records and records[0] != self._plan:
            raise self._refusal(self._difference(records[0]))
        known = read_feature_set(self.path)
        if dict(known.metadata) != self.metadata.texts() or len(known) > self.query_count:
            self._journal.unlink()
            raise self._refusal("there is another file of this name, expected none")
        self._journal.unlink()
        self._done_count, self._kept_count = self.query_count, len(known)
        self._is_finished = True
        self.close()

    def _difference(self, record: bytes) -> str:
        mine, theirs = json.loads(self._plan), json.loads(record)
        for plan in (mine, theirs):
            plan |= plan.pop("metadata")
        keys = sorted(k for k in mine.keys() | theirs.keys() if mine.get(k) != theirs.get(k))
        return "it was begun with other settings: " + ", ".join(
            f"{key} was {theirs.get(key)!r} and is {mine.get(key)!r}" for key in keys
        )

    # Small helpers.

    def _admit(self) -> None:
        if self._is_finished or not self._files:
            raise self._refusal("it is closed, expected no further query")
        if self.done_count == self.query_count:
            raise self._refusal(f"all {self.query_count} queries have come, expected no other")

    def _write(self, file: BinaryIO, data: bytes) -> None:
        file.write(data)
        self.byte_count_written += len(data)

    @staticmethod
    def _sync(file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())

    def _sync_directory(self) -> None:
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _disk(self) -> _Disk:
        return _Disk(self)

    def _refusal(self, why: str) -> FeatureFileError:
        return FeatureFileError(f"cannot write {self.path}: {why}")


class _Disk:
    """Turns the system's errors into one sentence, and closes the writer: the next one goes on
    after the last whole shard."""

    def __init__(self, writer: FeatureSetWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            for file in list(self._writer._files.values()):
                try:
                    file.close()
                except OSError:
                    continue
            self._writer._files = {}
            raise FeatureFileError(
                f"cannot write {self._writer.path}: {error.strerror}",
                hint="what was written is kept: start again when that is mended",
            ) from error
