"""What deploy/bench/train and deploy/bench/score share: finding PyTorch and lsbench, running a
program for its JSON lines, medians, tables. Standard library only: PyTorch runs in programs of its
own, under the interpreter that PYTHON names."""
import json
import os
import resource
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PEER = Path(__file__).resolve().parent
PYTHON = os.environ.get("PYTHON", "python3")


def refuse(message, hint=None, status=69):
    print(f"{Path(sys.argv[0]).name}: {message}", file=sys.stderr)
    if hint:
        print(f"  hint: {hint}", file=sys.stderr)
    sys.exit(status)


def torch_version():
    """The version of PyTorch under PYTHON; ends with a sentence where it cannot be used."""
    try:
        found = subprocess.run(
            [PYTHON, "-c", "import numpy, safetensors, torch; print(torch.__version__)"],
            capture_output=True, text=True)
    except OSError:
        refuse(f"cannot compare with PyTorch: PYTHON names {PYTHON}, which cannot be started")
    if found.returncode:
        why = (found.stderr.strip().splitlines() or ["no reason given"])[-1]
        refuse(
            f"cannot compare with PyTorch: {PYTHON} says: {why}",
            "python3 -m venv peer && peer/bin/pip install torch==2.13.0 numpy safetensors, "
            "then set PYTHON=peer/bin/python; or leave PyTorch out with --ours-only")
    return found.stdout.strip()


def lsbench(path):
    """The program to time: the one given, or a release build of this checkout."""
    if path:
        if not os.access(path, os.X_OK):
            refuse(f"cannot run {path}: found no program there", status=66)
        return str(Path(path).resolve())
    build = ["swift", "build", "-c", "release", "--product", "lsbench"]
    print("building lsbench (release)", file=sys.stderr)
    if subprocess.run(build, cwd=ROOT, stdout=sys.stderr).returncode:
        refuse("cannot build lsbench: its build failed")
    out = subprocess.run([*build, "--show-bin-path"], cwd=ROOT, capture_output=True, text=True)
    return str(Path(out.stdout.strip()) / "lsbench")


def json_lines(command, allow_failure=False):
    """Runs a program; its JSON lines, or None where it failed and may."""
    command = [str(part) for part in command]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        if allow_failure:
            return None
        sys.stderr.write(done.stderr)
        refuse(f"cannot go on: {shlex.join(command)} ended with status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


class Neighbours:
    """How much of the machine others took while a block ran: `with Neighbours() as n: ...; n.share`.

    Busy and stolen time of all processors (/proc/stat) less what our children used, of the whole.
    PyTorch's threads spin while they wait for each other, so that a busy neighbour slows PyTorch
    more than us: ratios hold only where this is small.
    """

    def __enter__(self):
        self.share, self.start = 0.0, (self.busy(), self.children(), time.monotonic())
        return self

    def __exit__(self, *error):
        busy, children, wall = (
            now - then for now, then in
            zip((self.busy(), self.children(), time.monotonic()), self.start))
        self.share = max(0.0, (busy - children) / (wall * os.cpu_count()))

    @staticmethod
    def busy():
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, _, _, interrupts, soft, stolen = map(int, fields)
        return (user + nice + system + interrupts + soft + stolen) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def children():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime


def busy_warning(share):
    if share > 0.1:
        print(f"warning: other programs took up to {100 * share:.0f} % of the machine while we "
              "measured; quote no ratio of this run")


def refusal(command):
    """The first line of a program's refusal; None where it does not refuse."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return (done.stderr.strip().splitlines() or ["no reason given"])[0] if done.returncode else None


def median(values):
    return statistics.median(values)


def table(heading, rows):
    """Prints rows under a heading, the first column to the left, figures to the right."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [heading, *rows]) for i in range(len(heading))]
    for index, row in enumerate([heading, *rows]):
        cells = [row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])]
        print("| " + " | ".join(cells) + " |")
        if index == 0:
            print("|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths))
                  + "|")


def machine_line(machine, threads):
    load = os.getloadavg()[0]
    return (f"{machine['cpu']}, {machine['cores']} cores ({', '.join(machine['instruction_sets'])}), "
            f"{threads} thread{'s' if threads != 1 else ''}, load average {load:.2f}")
