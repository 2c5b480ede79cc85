"""Programs: right when they pass all tests, in a sandbox that they cannot leave or fool.

Two processes, each in a sandbox of its own (`bwrap`): one holds the candidate's program, the other
the tests. They exchange plain values, so the tests never run beside code that could patch `assert`,
compare equal to everything, end the process early or read what it has to print. After the last
assertion the tests print a nonce that the program has no way to see.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

from ..errors import LabelError

_FENCE: Final = re.compile(r"```[ \t]*(?:python|py|python3)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
PROGRAM_LENGTH_MAX: Final = 100_000
#: Whom programs run as when the caller is root, whose processes no limit counts.
_NOBODY: Final = 65534


@dataclass(frozen=True)
class CodeTests:
    """What a program has to pass.

    Attributes:
        tests: Python statements, usually assertions, as MBPP's `test_list` has them.
        setup: Python that runs before them, and before the program: imports.
    """

    tests: Sequence[str]
    setup: str = ""


class CodeLabeler:
    """1 for a program that passes all tests, 0 for one that does not, and None where the tests
    need what cannot be passed between processes, such as a function as an argument.

    The sandbox has no network, no files but the system's programs (read only), 16 MB in `/tmp`, no
    environment and no capabilities.

    Args:
        cpu_seconds: Of each of the two processes.
        wall_seconds: Of both together; then they are killed.
        memory_bytes: Address space of each process.
        process_count: Processes and threads of the program at once.

    Raises:
        LabelError: There is no `bwrap`, or it may not make namespaces here. Programs are then not
            run at all.
    """

    label_kind: Literal["binary"] = "binary"

    def __init__(
        self,
        *,
        cpu_seconds: int = 5,
        wall_seconds: float = 10.0,
        memory_bytes: int = 512 << 20,
        process_count: int = 32,
    ) -> None:
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise LabelError(
                "cannot run programs: found no bwrap, expected one on the PATH",
                hint="apt-get install bubblewrap",
            )
        self._limits = {
            "cpu_seconds": cpu_seconds,
            "memory_bytes": memory_bytes,
            "process_count": process_count,
        }
        self._wall_seconds = wall_seconds
        self._command = [bwrap, *_namespaces(), "--", _python(), "-I", "-S", "-c"]
        self._values = _text("sandbox_values.py")
        self._candidate = self._values + _text("sandbox_candidate.py")
        self._tests = self._values + _text("sandbox_tests.py")
        self._check()

    def label(self, query: CodeTests, completion: str) -> float | None:
        """See the class.

        Args:
            completion: The program, or a text with the program in its last fenced block.

        Raises:
            LabelError: There are no tests, they are no Python, or the sandbox does not start.
        """
        if not query.tests:
            raise LabelError("cannot label a program: found no tests, expected at least one")
        for part in (query.setup, *query.tests):
            try:
                compile(part, "<test>", "exec")
            except (SyntaxError, ValueError) as error:
                raise LabelError(
                    f"cannot label a program: a test is no Python ({error})"
                ) from error
        program = program_of(completion)
        if len(program) > PROGRAM_LENGTH_MAX:
            return 0.0
        return {"passed": 1.0, "failed": 0.0, "untestable": None}[self._run(query, program)]

    def _check(self) -> None:
        if self._run(CodeTests(["assert f(2) == 4"]), "def f(x): return 2 * x") != "passed":
            raise LabelError("cannot run programs: the sandbox fails a program that is right")

    def _run(self, query: CodeTests, program: str) -> str:
        nonce = secrets.token_hex(16)
        to_candidate, from_candidate = os.pipe(), os.pipe()
        sandboxes: list[_Sandbox] = []
        try:
            try:
                sandboxes.append(
                    _Sandbox(
                        [*self._command, self._candidate],
                        stdin=to_candidate[0],
                        stdout=from_candidate[1],
                    )
                )
                tests = _Sandbox(
                    [*self._command, self._tests],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    pass_fds=(from_candidate[0], to_candidate[1]),
                )
                sandboxes.append(tests)
            finally:
                # Only the two hold the pipes between them, so that each sees the other's end.
                for end in (to_candidate[0], *from_candidate):
                    os.close(end)
            given = {**self._limits, "setup": query.setup, "program": program}
            try:
                with os.fdopen(to_candidate[1], "wb") as pipe:
                    pipe.write(json.dumps(given).encode() + b"\n")
            except BrokenPipeError:
                pass  # The sandbox did not start; the tests will not say that it did.
            given = {
                **self._limits,
                "setup": query.setup,
                "tests": list(query.tests),
                "nonce": nonce,
                "read": from_candidate[0],
                "write": to_candidate[1],
            }
            said, errors = tests.ask(given, self._wall_seconds)
        finally:
            for sandbox in sandboxes:
                sandbox.end()
        if f"{nonce} started" not in said:
            raise LabelError(
                "cannot run programs: the sandbox does not start: "
                f"{errors.strip() or 'it said nothing'}",
                hint="bwrap needs user namespaces (sysctl kernel.unprivileged_userns_clone)",
            )
        for verdict in ("passed", "untestable"):
            if f"{nonce} {verdict}" in said:
                return verdict
        return "failed"


class _Sandbox:
    """One bwrap and what runs in it.

    Ending it kills the first process of its namespace, with which the kernel ends all others, and
    returns when they are gone: a fork bomb, too, leaves nothing behind.
    """

    def __init__(
        self, command: Sequence[str], *, stdin: int, stdout: int, pass_fds: Sequence[int] = ()
    ) -> None:
        as_nobody: dict[str, Any] = {}
        if os.geteuid() == 0:
            as_nobody = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
        info = os.pipe()
        try:
            self._bwrap = subprocess.Popen(
                [command[0], "--info-fd", str(info[1]), *command[1:]],
                stdin=stdin,
                stdout=stdout,
                stderr=subprocess.PIPE if stdin == subprocess.PIPE else subprocess.DEVNULL,
                pass_fds=(*pass_fds, info[1]),
                env={},
                cwd="/",
                start_new_session=True,
                **as_nobody,
            )
        except BaseException:
            os.close(info[0])
            raise
        finally:
            os.close(info[1])
        with os.fdopen(info[0], "rb") as file:
            about = file.read()
        self._first: int | None = None
        # None: it did not start, or is over already.
        with contextlib.suppress(ValueError, KeyError, OSError):
            self._first = os.pidfd_open(json.loads(about)["child-pid"])

    def ask(self, given: dict[str, Any], seconds: float) -> tuple[list[str], str]:
        """The lines it said within the time, and what stood on standard error."""
        text = json.dumps(given).encode() + b"\n"
        try:
            out, errors = self._bwrap.communicate(text, timeout=seconds)
        except subprocess.TimeoutExpired:
            self._kill()
            out, errors = self._bwrap.communicate()
        return out.decode(errors="replace").split("\n"), errors.decode(errors="replace")[:500]

    def end(self) -> None:
        self._kill()
        try:
            self._bwrap.wait(10)
        except subprocess.TimeoutExpired:
            self._bwrap.kill()
            self._bwrap.wait()
        for file in (self._bwrap.stdin, self._bwrap.stdout, self._bwrap.stderr):
            if file is not None:
                file.close()
        if self._first is not None:
            os.close(self._first)
            self._first = None

    def _kill(self) -> None:
        try:
            if self._first is not None:
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            elif self._bwrap.poll() is None:
                self._bwrap.kill()
        except ProcessLookupError:
            pass


def program_of(completion: str) -> str:
    """The last fenced block that defines something, else the last one, else the whole text."""
    blocks: list[str] = _FENCE.findall(completion)
    if not blocks:
        return completion
    defining = [block for block in blocks if re.search(r"^(?:def|class) ", block, re.MULTILINE)]
    return (defining or blocks)[-1]


def _text(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text("utf-8")


def _python() -> str:
    """An interpreter beneath /usr, which is all that the sandbox shows."""
    for path in (Path(sys.executable).resolve(), Path("/usr/bin/python3").resolve()):
        if path.is_relative_to("/usr") and path.exists():
            return str(path)
    raise LabelError(
        "cannot run programs: found no python3 in /usr/bin, expected the system's own",
        hint="apt-get install python3",
    )


def _namespaces() -> list[str]:
    # Without namespaces of its own a program has no way back to capabilities.
    arguments = ["--unshare-all", "--unshare-user", "--disable-userns"]
    arguments += ["--die-with-parent", "--new-session", "--clearenv"]
    arguments += ["--cap-drop", "ALL", "--hostname", "sandbox", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            arguments += ["--symlink", f"usr/{name}", f"/{name}"]
        elif Path("/", name).is_dir():
            arguments += ["--ro-bind", f"/{name}", f"/{name}"]
    arguments += ["--proc", "/proc", "--dev", "/dev", "--remount-ro", "/dev"]
    arguments += ["--size", str(16 << 20), "--tmpfs", "/tmp", "--chdir", "/tmp"]
    return [*arguments, "--remount-ro", "/"]
