# Runs a candidate's program inside the sandbox and answers calls of its functions. Nothing here
# can be trusted once the program runs: it may change whatever it likes, and forge answers. All that
# it can forge are return values, and those are compared elsewhere.
import os

source = sys.stdin.buffer
settings = read_message(source)
limit(settings["cpu_seconds"], settings["memory_bytes"], settings["process_count"])
# The program may print and read as it likes; the answers go another way.
answers = os.fdopen(os.dup(1), "wb")
requests = os.fdopen(os.dup(0), "rb")
nowhere = os.open("/dev/null", os.O_RDWR)
for number in (0, 1, 2):
    os.dup2(nowhere, number)

objects = []


def keep(value):
    for number, known in enumerate(objects):
        if known is value:
            return number
    objects.append(value)
    return len(objects) - 1


write_message(answers, {"started": True})
names = {"__name__": "candidate", "__builtins__": __builtins__}
failure = None
try:
    exec(compile(settings["setup"], "<setup>", "exec"), names)
    exec(compile(settings["program"], "<program>", "exec"), names)
except BaseException as error:
    failure = [type(error).__name__, str(error)[:200]]
write_message(answers, {"failure": failure})

while True:
    try:
        request = read_message(requests)
    except EOFError:
        break
    try:
        arguments = [decode(item, objects.__getitem__) for item in request["arguments"]]
        keywords = {k: decode(v, objects.__getitem__) for k, v in request["keywords"].items()}
        target = request["target"]
        if isinstance(target, int):
            target = objects[target]
        if request["kind"] == "value":
            if target not in names:
                raise NameError(target)
            result = names[target]
        elif request["kind"] == "attribute":
            result = getattr(target, *arguments)
        else:
            result = target(*arguments, **keywords)
        answer = {"value": encode(result, keep), "arguments": [encode(a, keep) for a in arguments]}
    except Untestable as error:
        answer = {"untestable": str(error)}
    except BaseException as error:
        answer = {"failure": [type(error).__name__, str(error)[:200]]}
    try:
        write_message(answers, answer)
    except Untestable as error:
        write_message(answers, {"untestable": str(error)})
