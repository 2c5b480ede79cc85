"""The package as a whole: its README's examples, its command."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

import language_system
from language_system.cli import main
from support import DEMO, REPOSITORY


def test_the_readmes_examples_import_what_there_is() -> None:
    text = (REPOSITORY / "Sources/lsnode/README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        imports = [node for node in ast.parse(block).body if isinstance(node, ast.ImportFrom)]
        assert imports
        exec(compile(ast.Module(list(imports), []), "README.md", "exec"), {})


def test_the_release_is_the_one_of_the_package() -> None:
    settings = tomllib.loads((REPOSITORY / "Sources/lsnode/pyproject.toml").read_text())
    assert language_system.__version__ == settings["project"]["version"]


def test_show_says_what_is_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(DEMO / "algebra/test.safetensors")]) == 0
    said = capsys.readouterr().out
    assert "74 queries, 1480 responses" in said
    assert "columns: labels, answers" in said
    assert "oracle 1.000" in said


def test_what_cannot_be_done_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(tmp_path / "missing.safetensors")]) == 1
    assert "found no such file" in capsys.readouterr().err
    key, file = tmp_path / "key", DEMO / "algebra/test.safetensors"
    key.write_text("lsk_1_x\n")
    arguments = ["push", str(file), "--coordinator", "https://localhost:1", "--api-key-file"]
    assert main([*arguments, str(key)]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert main([*arguments, str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err
