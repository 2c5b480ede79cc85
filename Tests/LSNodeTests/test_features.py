"""Feature files: what lscoord reads is what is written, byte for byte the same after any kill."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest

from language_system import (
    CandidateGroup,
    FeatureSetMetadata,
    FeatureSetWriter,
    answer_ids,
    read_feature_set,
)
from language_system.errors import FeatureFileError
from language_system.features import row_fault
from language_system.tensors import Tensor, header
from support import COLUMNS, CONTRACT, DEMO, group, metadata


def write(path: Path, count: int = 40, dropped: tuple[int, ...] = (), **sizes: int) -> int:
    """Writes `count` queries without a stop; gives the bytes written."""
    hidden_size = sizes.get("hidden_size", 8)
    with FeatureSetWriter(
        path, metadata(hidden_size), query_count=count, columns=COLUMNS
    ) as writer:
        for index in range(writer.done_count, count):
            if index in dropped:
                writer.drop()
            else:
                writer.append(group(index, **sizes))
        writer.finish()
        return writer.byte_count_written


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path)
    read = read_feature_set(path)
    assert len(read) == 40
    assert read.contract == CONTRACT
    assert tuple(sorted(read.columns)) == COLUMNS
    assert read.metadata["sampling"] == "temperature 1.5"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.jsonl", "train.safetensors"]
    for index, found in enumerate(read):
        expected = group(index)
        assert found.query_id == expected.query_id
        assert (found.level, found.text, found.answer) == (
            expected.level,
            expected.text,
            expected.answer,
        )
        for name in ("instruction", "responses", "labels", "logprobs", "token_counts", "finished"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)), name
        assert np.array_equal(found.scores["rm-gpt2"], expected.scores["rm-gpt2"])


def test_tensors_have_the_types_that_lscoord_reads(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path)
    data = path.read_bytes()
    entries = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = entries.pop("__metadata__")
    assert metadata["format"] == "features/1"
    assert all(isinstance(value, str) for value in metadata.values())
    assert {name: entry["dtype"] for name, entry in entries.items()} == {
        "instruction": "F16",
        "responses": "F16",
        "offsets": "I64",
        "labels": "F32",
        "logprobs": "F32",
        "token_counts": "I32",
        "finished": "U8",
        "answers": "I32",
        "scores.rm-gpt2": "F32",
    }
    # One behind the other, without a gap, to the end of the file.
    ends = sorted(tuple(entry["data_offsets"]) for entry in entries.values())
    assert [begin for begin, _ in ends[1:]] == [end for _, end in ends[:-1]]
    assert 8 + int.from_bytes(data[:8], "little") + ends[-1][1] == len(data)


def test_the_demos_files_are_read_as_they_are() -> None:
    read = read_feature_set(DEMO / "algebra/test.safetensors")
    assert len(read) == 74
    assert read.responses.shape == (1480, 384)
    assert read.group(3).candidate_count == 20
    with pytest.raises(Exception, match="found no revision"):
        _ = read.contract


def test_at_most_two_percent_more_than_the_file_is_written(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    written = write(path, count=64, hidden_size=896, candidates=16)
    final = path.stat().st_size
    assert written <= 1.02 * final, f"{written / final:.4f}"


def test_dropped_queries_leave_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path, count=40, dropped=(0, 17, *range(20, 39)))
    read = read_feature_set(path)
    assert [g.query_id for g in read] == [
        f"q-{index:04}" for index in range(40) if index not in (0, 17, *range(20, 39))
    ]
    assert np.array_equal(read.group(18).responses, group(39).responses)
    write(tmp_path / "b.safetensors", count=40, dropped=tuple(range(32)))
    assert len(read_feature_set(tmp_path / "b.safetensors")) == 8


def test_a_file_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FeatureFileError, match="all queries were dropped"):
        write(tmp_path / "train.safetensors", count=3, dropped=(0, 1, 2))


# --- killed and started again ---------------------------------------------------------------------


def write_in_a_child(path: Path, count: int, seconds: float | None) -> bool:
    """Whether a child wrote the whole file within the seconds; it is killed after them."""
    child = os.fork()
    if child == 0:
        try:
            with FeatureSetWriter(path, metadata(64), query_count=count, columns=COLUMNS) as writer:
                for index in range(writer.done_count, count):
                    if index % 11 == 5:
                        writer.drop()
                    else:
                        writer.append(group(index, 64, 16))
                writer.finish()
        except BaseException:
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return not os.WIFSIGNALED(status)


def test_twenty_kills_leave_the_same_bytes(tmp_path: Path) -> None:
    count = 800
    whole, path = tmp_path / "whole.safetensors", tmp_path / "killed.safetensors"
    began = time.monotonic()
    assert write_in_a_child(whole, count, None)
    longest, chance = time.monotonic() - began, random.Random(7)
    for _ in range(20):
        if write_in_a_child(path, count, chance.uniform(0, longest / 10)):
            break
    assert write_in_a_child(path, count, None)
    assert path.read_bytes() == whole.read_bytes()
    assert path.with_suffix(".jsonl").read_bytes() == whole.with_suffix(".jsonl").read_bytes()
    assert len(list(tmp_path.iterdir())) == 4


class Stopped(BaseException):
    """A kill at a chosen step."""


def test_a_kill_at_each_step_of_writing_and_finishing_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = tmp_path / "whole.safetensors"
    write(whole, dropped=(3,))
    path = tmp_path / "killed.safetensors"
    write_bytes, rename, unlink = FeatureSetWriter._write, Path.rename, Path.unlink
    left = [0]

    def step() -> None:
        if left[0] == 0:
            raise Stopped
        left[0] -= 1

    def stopping_write(self: FeatureSetWriter, file: BinaryIO, data: bytes) -> None:
        if left[0] == 0:
            # Torn: half of it reaches the disk.
            write_bytes(self, file, data[: len(data) // 2])
            file.flush()
        step()
        write_bytes(self, file, data)

    def stopping_rename(self: Path, target: Path) -> Path:
        step()
        return rename(self, target)

    def stopping_unlink(self: Path, missing_ok: bool = False) -> None:
        step()
        unlink(self, missing_ok)

    for steps in range(200):
        for file in tmp_path.glob("killed*"):
            unlink(file)
        with monkeypatch.context() as patch:
            patch.setattr(FeatureSetWriter, "_write", stopping_write)
            patch.setattr(Path, "rename", stopping_rename)
            patch.setattr(Path, "unlink", stopping_unlink)
            left[0] = steps
            try:
                write(path, dropped=(3,))
                stopped = False
            except Stopped:
                stopped = True
        write(path, dropped=(3,))
        assert path.read_bytes() == whole.read_bytes(), f"stopped at step {steps}"
        assert path.with_suffix(".jsonl").read_bytes() == whole.with_suffix(".jsonl").read_bytes()
        assert len(list(tmp_path.iterdir())) == 4, f"stopped at step {steps}"
        if not stopped:
            break
    assert 20 < steps < 199


def test_a_finished_file_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path)
    before = path.stat().st_mtime_ns
    assert write(path) == 0
    assert path.stat().st_mtime_ns == before


def test_another_file_of_the_name_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path)
    before = path.read_bytes()
    other = replace(metadata(), split="test")
    with pytest.raises(FeatureFileError, match="another file of this name"):
        FeatureSetWriter(path, other, query_count=40, columns=COLUMNS)
    assert path.read_bytes() == before


def test_going_on_with_other_settings_is_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    with FeatureSetWriter(path, metadata(), query_count=40, columns=COLUMNS) as writer:
        writer.append(group(0))
    other = replace(metadata(), contract=replace(CONTRACT, layer=15))
    with pytest.raises(FeatureFileError, match="layer was '14' and is '15'"):
        FeatureSetWriter(path, other, query_count=40, columns=COLUMNS)
    with pytest.raises(FeatureFileError, match="query_count was 40 and is 41"):
        FeatureSetWriter(path, metadata(), query_count=41, columns=COLUMNS)


def test_two_writers_of_one_file_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    with (
        FeatureSetWriter(path, metadata(), query_count=40),
        pytest.raises(FeatureFileError, match="another process is writing it"),
    ):
        FeatureSetWriter(path, metadata(), query_count=40)


def test_a_full_disk_is_one_sentence_and_loses_no_whole_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "train.safetensors"
    write_bytes, left = FeatureSetWriter._write, [7]

    def full(self: FeatureSetWriter, file: BinaryIO, data: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_bytes(self, file, data)

    with monkeypatch.context() as patch:
        patch.setattr(FeatureSetWriter, "_write", full)
        with pytest.raises(FeatureFileError, match="No space left on device"):
            write(path)
    with FeatureSetWriter(path, metadata(), query_count=40, columns=COLUMNS) as writer:
        assert writer.done_count == 16


def test_a_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FeatureFileError, match=r"Not a directory|File exists"):
        FeatureSetWriter(tmp_path / "file/x.safetensors", metadata(), query_count=1)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": None}, "without labels"),
        ({"labels": np.full(4, 0.5, np.float32)}, "a label other than 0 and 1"),
        ({"logprobs": None}, "with answers, finished, scores.rm-gpt2, token_counts, expected"),
        ({"instruction": np.ones(9, np.float16)}, "instruction of shape"),
    ],
)
def test_a_group_that_is_not_the_files_is_refused(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    path = tmp_path / "train.safetensors"
    with (
        FeatureSetWriter(path, metadata(), query_count=40, columns=COLUMNS) as writer,
        pytest.raises(FeatureFileError, match=words),
    ):
        writer.append(replace(group(0), **change))


def test_more_or_fewer_queries_than_planned_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    with FeatureSetWriter(path, metadata(), query_count=2, columns=COLUMNS) as writer:
        writer.append(group(0))
        with pytest.raises(FeatureFileError, match="1 queries have come, expected 2"):
            writer.finish()
        writer.append(group(1))
        with pytest.raises(FeatureFileError, match="all 2 queries have come"):
            writer.append(group(2))


def test_a_number_that_float16_cannot_hold_is_refused(tmp_path: Path) -> None:
    wide = replace(
        group(0),
        instruction=group(0).instruction.astype(np.float32),
        responses=np.full((4, 8), 7e4, np.float32) * np.arange(1, 9, dtype=np.float32),
    )
    path = tmp_path / "train.safetensors"
    with (
        FeatureSetWriter(path, metadata(), query_count=1, columns=COLUMNS) as writer,
        pytest.raises(FeatureFileError, match="float16 cannot hold"),
    ):
        writer.append(wide)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ([0.0, 0.0, 0.0], "nothing but zeros"),
        ([2.0, 2.0, 2.0], "one number again and again"),
        ([1.0, np.nan, 2.0], "a number that is not finite"),
        ([1.0, np.inf, 2.0], "a number that is not finite"),
        ([1.0, 1e16, 2.0], "a number beyond 1e+15"),
        ([1.0, 2.0, 3.0], None),
    ],
)
def test_rows_that_engines_get_wrong_are_found(row: list[float], fault: str | None) -> None:
    assert row_fault(np.array(row, np.float32)) == fault
    if fault is not None:
        responses = np.array([[1.0, 2.0, 4.0], row], np.float32)
        with pytest.raises(FeatureFileError, match="in the row of candidate 1"):
            CandidateGroup(np.array([1.0, 2.0, 3.0], np.float32), responses)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"scores": {"Rm": np.ones(4, np.float32)}}, "the score 'Rm'"),
        ({"scores": {str(n): np.ones(4, np.float32) for n in range(9)}}, "9 scores"),
        ({"token_counts": np.array([1, 2, 3])}, "token_counts of shape"),
        ({"token_counts": np.array([1, 2, 3, -1])}, "a negative token count"),
        ({"answers": np.array([1, 2, 3, -2])}, "an answer below -1"),
        ({"logprobs": np.array([1, 2, 3, np.nan])}, "logprobs with a number that is not finite"),
        ({"responses": np.ones((4, 8))}, "float16 and float64"),
    ],
)
def test_a_group_that_contradicts_itself_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(FeatureFileError, match=words):
        replace(group(0), **change)


def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "train.safetensors"
    write(path, count=3)
    good = path.read_bytes()
    for damage in (good[:-5], good[:4], b"", good[:8] + b"x" + good[9:]):
        path.write_bytes(damage)
        with pytest.raises(FeatureFileError, match="cannot read"):
            read_feature_set(path)
    path.write_bytes(good.replace(b'"features/1"', b'"features/2"'))
    with pytest.raises(FeatureFileError, match="found format 'features/2'"):
        read_feature_set(path)
    with pytest.raises(FeatureFileError, match="found no such file"):
        read_feature_set(tmp_path / "missing.safetensors")


def test_bfloat16_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "bf16.safetensors"
    halves = np.array([[0x3F80, 0x4000], [0xBF80, 0x4040]], "<u2")

    small = {"offsets": np.array([0, 2]), "labels": np.zeros(2, np.float32)}
    tensors = [Tensor("instruction", "BF16", (1, 2), 4), Tensor("responses", "BF16", (2, 2), 8)]
    tensors += [Tensor.of(name, array) for name, array in small.items()]
    texts = FeatureSetMetadata("m", "math", "test", 2).texts()
    rows = halves[:1].tobytes() + halves.tobytes()
    path.write_bytes(header(tensors, texts) + rows + b"".join(a.tobytes() for a in small.values()))
    assert read_feature_set(path).responses.tolist() == [[1, 2], [-1, 3]]


def test_answers_are_numbered_in_order_of_appearance() -> None:
    assert answer_ids(["5", None, "x", 5, "x", "y"]).tolist() == [0, -1, 1, 0, 1, 2]
