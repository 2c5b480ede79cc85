# Runs the tests inside a sandbox of its own, without the candidate's program: where a test
# calls what the program defines, the other sandbox is asked and plain data comes back.
# The last line is the verdict after the nonce, which nothing but this program and its parent know.
import ast
import builtins
import os

settings = read_message(sys.stdin.buffer)
limit(settings["cpu_seconds"], settings["memory_bytes"], settings["process_count"])
answers = os.fdopen(settings["read"], "rb")
requests = os.fdopen(settings["write"], "wb")


def say(verdict):
    sys.__stdout__.write(settings["nonce"] + " " + verdict + "\n")
    sys.__stdout__.flush()


class Failed(Exception):
    """The candidate's program raised."""


def raise_failure(failure):
    name, text = failure
    kind = getattr(builtins, str(name), None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        raise kind(str(text))
    raise Failed(f"{name}: {text}")


def handle(number):
    return Handle(number, call)


def number_of(value):
    if isinstance(value, Handle):
        return value._number
    raise Untestable(f"{type(value).__name__} cannot be passed to the program")


def call(kind, target, arguments, keywords):
    write_message(
        requests,
        {
            "kind": kind,
            "target": target._number if isinstance(target, Handle) else target,
            "arguments": [encode(item, number_of) for item in arguments],
            "keywords": {key: encode(value, number_of) for key, value in keywords.items()},
        },
    )
    answer = read_message(answers)
    if "untestable" in answer:
        raise Untestable(answer["untestable"])
    if "failure" in answer:
        raise_failure(answer["failure"])
    # What the program changed in place, the tests see, too.
    changed = [decode(item, handle) for item in answer["arguments"]] if kind == "call" else []
    for old, new in zip(arguments, changed):
        if type(old) is type(new) and isinstance(old, list):
            old[:] = new
        elif type(old) is type(new) and isinstance(old, (dict, set)):
            old.clear()
            old.update(new)
    return decode(answer["value"], handle)


def free_names(tree):
    nodes = list(ast.walk(tree))
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


def main():
    names = {"__name__": "tests"}
    try:
        exec(compile(settings["setup"], "<setup>", "exec"), names)
    except BaseException:
        # A setup that needs the program is the program's own; the candidate's side has it.
        pass
    trees = [ast.parse(test) for test in settings["tests"]]
    if read_message(answers).get("started"):
        say("started")
    if read_message(answers)["failure"] is not None:
        return "failed"
    for name in sorted(set().union(*(free_names(tree) for tree in trees))):
        # What is built in stays as it is, whatever the program defines under the name.
        if name in names or hasattr(builtins, name):
            continue
        if name in sys.stdlib_module_names:
            names[name] = __import__(name)
            continue
        try:
            names[name] = call("value", name, [], {})
        except NameError:
            # Perhaps a test assigns it.
            continue
    for tree in trees:
        exec(compile(tree, "<test>", "exec"), names)
    return "passed"


try:
    verdict = main()
except Untestable:
    verdict = "untestable"
except BaseException:
    verdict = "failed"
say(verdict)
os._exit(0)
