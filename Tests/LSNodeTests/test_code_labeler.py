"""Sixty programs in the sandbox: right ones pass, wrong ones fail, hostile ones neither pass nor
touch the host."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from language_system.errors import LabelError
from language_system.labelers import CodeLabeler, CodeTests
from language_system.labelers.code import program_of

#: Program, tests, label.
RIGHT: list[tuple[str, str]] = [
    ("def f(a, b):\n    return a + b", "assert f(2, 3) == 5"),
    ("def f(n):\n    return n > 1 and all(n % d for d in range(2, n))", "assert f(7) == True"),
    ("def f(s):\n    return s[::-1]", "assert f('abc') == 'cba'"),
    ("f = lambda xs: sorted(xs)", "assert f([3, 1, 2]) == [1, 2, 3]"),
    ("def f(xs):\n    xs.sort()", "xs = [3, 1, 2]\nf(xs)\nassert xs == [1, 2, 3]"),
    ("def f(d):\n    d['k'] = 1", "d = {}\nf(d)\nassert d == {'k': 1}"),
    ("def f(n):\n    return (n, [n], {n: {n}})", "assert f(1) == (1, [1], {1: {1}})"),
    ("def f():\n    return 0.1 + 0.2", "assert abs(f() - 0.3) < 1e-9"),
    (
        "import math\ndef f(r):\n    return math.pi * r * r",
        "assert math.isclose(f(2), 4 * math.pi)",
    ),
    ("import re\ndef f(s):\n    return re.findall(r'\\d+', s)", "assert f('a1b22') == ['1', '22']"),
    ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2]"),
    ("def f(s):\n    return map(int, s)", "assert list(f('12')) == [1, 2]"),
    (
        "from collections import Counter\ndef f(s):\n    return Counter(s)",
        "assert f('aa') == {'a': 2}",
    ),
    (
        "class P:\n    def __init__(self, x):\n        self.x = x\n"
        "def f(ps):\n    return sum(p.x for p in ps)",
        "assert f([P(1), P(2)]) == 3",
    ),
    (
        "class Stack:\n    def __init__(self):\n        self.items = []\n"
        "    def push(self, x):\n        self.items.append(x)\n"
        "    def pop(self):\n        return self.items.pop()",
        "s = Stack()\ns.push(4)\nassert s.pop() == 4",
    ),
    ("class N:\n    def __init__(self, v):\n        self.v = v", "assert N(3).v == 3"),
    ("LIMIT = 10", "assert LIMIT == 10"),
    (
        "def f(x):\n    if x < 0:\n        raise ValueError('negative')\n    return x",
        "try:\n    f(-1)\n    assert False\nexcept ValueError:\n    pass",
    ),
    (
        "def f(*a, **k):\n    return len(a), sorted(k)",
        "assert f(1, 2, z=1, y=2) == (2, ['y', 'z'])",
    ),
    ("def f(n):\n    return 2 ** n", "assert f(1000) == 2 ** 1000"),
    ("def f():\n    return float('inf'), -0.0", "assert f() == (float('inf'), 0.0)"),
    ("def f():\n    return 1 + 2j", "assert f() == 1 + 2j"),
    ("def f():\n    return b'\\x00', 'ü\\n\\ud800'", "assert f() == (b'\\x00', 'ü\\n\\ud800')"),
    ("print('hello ' * 100000)\ndef f():\n    print('x')\n    return 1", "assert f() == 1"),
    ("def set(x):\n    return [7]\ndef f():\n    return [1, 1]", "assert set(f()) == {1}"),
    ("def f(n):\n    return None", "assert f(1) is None"),
    (
        "def f(t):\n    return tuple(sorted(t, key=lambda p: p[1]))",
        "assert f((('a', 2), ('b', 1))) == (('b', 1), ('a', 2))",
    ),
    (
        "Here it is:\n```python\ndef f(x):\n    return x + 1\n```\n"
        "Use it:\n```python\nprint(f(1))\n```",
        "assert f(1) == 2",
    ),
    ("```\ndef f(x):\n    return x\n```", "assert f(5) == 5"),
    ("```python\ndef f(x):\n    return x * 2", "assert f(5) == 10"),
]
WRONG: list[tuple[str, str]] = [
    ("def f(a, b):\n    return a - b", "assert f(2, 3) == 5"),
    ("def f(a):\n    return [a]", "assert f(1) == (1,)"),
    ("def g(a):\n    return a", "assert f(1) == 1"),
    ("def f(:\n", "assert f(1) == 1"),
    ("", "assert f(1) == 1"),
    ("I cannot write this program.", "assert f(1) == 1"),
    ("def f(n):\n    return f(n)", "assert f(1) == 1"),
    ("raise SystemExit", "assert f(1) == 1"),
    ("def f(n):\n    raise KeyError(n)", "assert f(1) == 1"),
    ("def f(n):\n    return '1'", "assert f(1) == 1"),
    ("import numpy_that_is_not_there\ndef f(n):\n    return n", "assert f(1) == 1"),
    ("def f(n):\n    return float('nan')", "assert f(1) == f(1)"),
    ("def f(n):\n    return n if n < 3 else 0", "assert f(1) == 1\nassert f(5) == 5"),
    ("def f(n):\n    return input()", "assert f(1) == '1'"),
    ("def f(n):\n    import os\n    os.abort()", "assert f(1) == 1"),
]
GUESS = "0123456789abcdef0123456789abcdef"


def hostile(secret: Path, target: Path, port: int) -> dict[str, str]:
    """Programs that try to pass without being right, or to reach what is not theirs. Each defines
    what it can so that, if its trick worked, `f(1) == 1` would hold, or the host would show it."""
    return {
        "ends with 0 at once": "import sys\nsys.exit(0)",
        "ends without clean-up": "import os\nos._exit(0)",
        "is equal to everything": "class E:\n"
        "    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n"
        "    def __bool__(self): return True\n"
        "    def __hash__(self): return hash(1)\n"
        "def f(x): return E()",
        "patches what assertions use": "import builtins, sys\n"
        "builtins.AssertionError = Warning\n"
        "sys.settrace(lambda *a: None)\n"
        "builtins.compile = lambda *a, **k: compile('pass', '', 'exec')\n"
        "class I(int):\n    def __eq__(s, o): return True\n"
        "def f(x): return I(2)",
        "prints a guessed nonce": "import os, sys\n"
        f"for fd in range(64):\n"
        f"    for verdict in ('ready', 'started', 'passed'):\n"
        f"        try: os.write(fd, b'{GUESS} ' + verdict.encode() + b'\\n')\n"
        f"        except OSError: pass\n"
        f"print('{GUESS} passed', flush=True)",
        "looks for the nonce": "import gc, os, re, sys\n"
        "found = [os.environ, sys.argv, open('/proc/self/cmdline').read()]\n"
        "for p in os.listdir('/proc'):\n"
        "    if p.isdigit():\n"
        "        for n in ('environ', 'cmdline', 'mem'):\n"
        "            try: found.append(open(f'/proc/{p}/{n}', 'rb').read(10**6))\n"
        "            except OSError: pass\n"
        "found += [repr(o) for o in gc.get_objects() if isinstance(o, (dict, list))]\n"
        "for n in re.findall('[0-9a-f]{32}', repr(found)):\n"
        "    for fd in (1, 2, 3, 4, 5): \n"
        "        try: os.write(fd, f'{n} passed\\n'.encode())\n"
        "        except OSError: pass",
        "forges answers of the protocol": "import os\n"
        "for fd in range(64):\n"
        '    try: os.write(fd, b\'{"failure": null}\\n\' + b\'{"value": {"int": "2"}, '
        '"arguments": []}\\n\' * 9)\n'
        "    except OSError: pass\n"
        "def f(x): return 1.5",
        "answers with nested or endless data": "import os\n"
        "for fd in range(64):\n"
        "    try: os.write(fd, b'[' * 1000000 + b'\\n')\n"
        "    except OSError: pass\n"
        "def f(x):\n"
        "    while True: yield 1",
        "forks without end": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "takes all memory": "x = []\nwhile True: x.append(bytearray(10**8))",
        "loops for ever": "while True: pass",
        "sleeps past the time": "import time\ntime.sleep(1000)",
        "reads a secret of the host": "def f(x):\n"
        f"    for p in ({str(secret)!r}, '/etc/shadow', '/etc/passwd', '/root', '/home'):\n"
        "        try: return open(p).read()\n"
        "        except OSError: pass\n"
        "        import os\n"
        "        if os.path.exists(p): return 1\n"
        "    return 0",
        "writes to the host": "import os\n"
        f"for p in ({str(target)!r}, '/usr/lib/x', '/dev/shm/x', '/etc/x', '/x', '/proc/sys/x'):\n"
        "    try:\n"
        "        os.makedirs(os.path.dirname(p), exist_ok=True)\n"
        "        open(p, 'w').write('x')\n"
        f"        if not p.startswith('/tmp/'): f = lambda x: 1\n"
        "    except OSError: pass",
        "calls out over the network": "import socket\n"
        "def f(x):\n"
        f"    for a in (('127.0.0.1', {port}), ('1.1.1.1', 53)):\n"
        "        try:\n"
        "            socket.create_connection(a, 2)\n"
        "            return 1\n"
        "        except OSError: pass\n"
        "    return 0",
        "kills what it can": "import os, signal\n"
        "for p in range(2, 100000):\n"
        "    try: os.kill(p, signal.SIGKILL)\n"
        "    except OSError: pass\n"
        "os.kill(-1, signal.SIGKILL)",
        "mounts and leaves": "import ctypes, os\n"
        "c = ctypes.CDLL(None)\n"
        "r = [c.mount(b'none', b'/tmp', b'tmpfs', 0, None), c.unshare(0x10000000)]\n"
        "r.append(c.chroot(b'..'))\n"
        "if 0 in r or os.getuid() == 0: f = lambda x: 1",
    }


@pytest.fixture(scope="module")
def labeler() -> Iterator[CodeLabeler]:
    try:
        yield CodeLabeler(cpu_seconds=2, wall_seconds=6)
    except LabelError as error:
        pytest.skip(str(error))


def nobodys() -> list[str]:
    """What runs, or waits to be collected, in a sandbox."""
    listed = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True).stdout
    return [
        line for line in listed.split("\n") if "# Plain values as JSON" in line and line[0] != "Z"
    ]


def test_there_are_sixty_programs(tmp_path: Path) -> None:
    assert len(RIGHT) + len(WRONG) + len(hostile(tmp_path, tmp_path, 1)) >= 60
    assert len(hostile(tmp_path, tmp_path, 1)) >= 15


def test_right_programs_pass(labeler: CodeLabeler) -> None:
    with ThreadPoolExecutor(2) as threads:
        labels = threads.map(lambda case: labeler.label(CodeTests([case[1]]), case[0]), RIGHT)
        failed = [case for case, label in zip(RIGHT, labels, strict=True) if label != 1.0]
    assert failed == []


def test_wrong_programs_fail(labeler: CodeLabeler) -> None:
    with ThreadPoolExecutor(2) as threads:
        labels = threads.map(lambda case: labeler.label(CodeTests([case[1]]), case[0]), WRONG)
        passed = [case for case, label in zip(WRONG, labels, strict=True) if label != 0.0]
    assert passed == []


def test_hostile_programs_neither_pass_nor_touch_the_host(
    labeler: CodeLabeler, tmp_path: Path
) -> None:
    import socket

    secret, target = tmp_path / "secret", tmp_path / "written/x"
    secret.write_text("1")
    tmp_path.chmod(0o777)
    os.environ["LS_TEST_SECRET"] = secrets.token_hex(16)
    began = time.monotonic()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.setblocking(False)
        programs = hostile(secret, target, listener.getsockname()[1])
        tests = CodeTests(["assert f(1) == 1 or f(1) == '1'"])
        with ThreadPoolExecutor(2) as threads:
            labels = threads.map(lambda program: labeler.label(tests, program), programs.values())
            passed = [name for name, label in zip(programs, labels, strict=True) if label == 1.0]
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert passed == []
    assert not target.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret"]
    assert nobodys() == []
    assert time.monotonic() - began < 120


def test_each_trick_does_work_outside_of_the_sandbox(tmp_path: Path) -> None:
    """The tests above would hold for a labeler that fails everything. In one process, without the
    sandbox, the first tricks do pass."""
    programs = hostile(tmp_path / "secret", tmp_path / "x", 1)
    (tmp_path / "secret").write_text("1")
    naive = "\nassert f(1) == 1 or f(1) == '1'\n"
    for name in ("is equal to everything", "reads a secret of the host", "ends with 0 at once"):
        ended = subprocess.run([sys.executable, "-c", programs[name] + naive])
        assert ended.returncode == 0, name


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def f(g):\n    return g(1)", "assert f(lambda x: x) == 1"),
        ("def f():\n    return object()", "assert len(f()) == 1"),
        ("def f(n):\n    return [0] * n", "assert len(f(10**7)) == 10**7"),
        ("class A:\n    pass", "assert A() == A()"),
    ],
)
def test_what_cannot_pass_between_the_processes_has_no_label(
    labeler: CodeLabeler, program: str, test: str
) -> None:
    assert labeler.label(CodeTests([test]), program) is None


def test_setup_runs_before_both(labeler: CodeLabeler) -> None:
    tests = CodeTests(["assert f(4) == sqrt(4)"], setup="from math import sqrt")
    assert labeler.label(tests, "def f(x): return sqrt(x)") == 1.0


def test_tests_that_are_none_are_refused(labeler: CodeLabeler) -> None:
    with pytest.raises(LabelError, match="found no tests"):
        labeler.label(CodeTests([]), "x = 1")
    with pytest.raises(LabelError, match="a test is no Python"):
        labeler.label(CodeTests(["assert f(1) =="]), "x = 1")


def test_without_bwrap_nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LabelError, match="found no bwrap"):
        CodeLabeler()


def test_a_program_is_the_last_block_that_defines_something() -> None:
    assert program_of("```python\nclass A: pass\n```\nx\n```\nprint(1)\n```") == "class A: pass\n"
    assert program_of("```py\nx = 1\n```") == "x = 1\n"
    assert program_of("x = 1") == "x = 1"
