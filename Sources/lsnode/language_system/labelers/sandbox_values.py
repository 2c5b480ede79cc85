# Plain values as JSON, for the two programs of the sandbox. Both read this file's text in front of
# their own, so it imports nothing of the package.
#
# Only data crosses between them: None, bool, int, float, complex, str, bytes, list, tuple, set,
# frozenset, dict, and handles for everything else. An object of the candidate's never reaches the
# program that judges it, so no __eq__ of its own can say that it is right.
import json
import sys

SIZE_MAX = 4 << 20
ITEM_COUNT_MAX = 200_000
INT_BITS_MAX = 60_000


class Untestable(Exception):
    """Cannot be passed on, so nothing can be said about the candidate."""


class Handle:
    """An object on the candidate's side, by number."""

    def __init__(self, number, call):
        object.__setattr__(self, "_number", number)
        object.__setattr__(self, "_call", call)

    def __call__(self, *arguments, **keywords):
        return self._call("call", self, list(arguments), keywords)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self._call("attribute", self, [name], {})

    def __eq__(self, other):
        # An object is never equal to data, whatever its own class says.
        if isinstance(other, Handle) and other._number != self._number:
            raise Untestable("two objects of the program are compared")
        return isinstance(other, Handle)

    def __hash__(self):
        return hash(self._number)

    def _cannot(self, *_):
        raise Untestable("an object of the program is taken apart")

    __len__ = __iter__ = __getitem__ = __contains__ = __lt__ = __gt__ = __le__ = __ge__ = _cannot


def encode(value, keep, depth=0):
    """`keep(value)` gives the number of what is no data."""
    if depth > 100:
        raise Untestable("nested too deeply")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int(value)
        if number.bit_length() > INT_BITS_MAX:
            raise Untestable("too large a number")
        return {"int": format(number, "x")}
    if isinstance(value, float):
        return {"float": float(value).hex()}
    if isinstance(value, str):
        return {"str": str.encode(value, "utf-8", "surrogatepass").hex()}
    if isinstance(value, complex):
        return {"complex": [value.real.hex(), value.imag.hex()]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": bytes(value).hex()}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            items = list(kind.__iter__(value))
            if len(items) > ITEM_COUNT_MAX:
                raise Untestable("too many items")
            return {kind.__name__: [encode(item, keep, depth + 1) for item in items]}
    if isinstance(value, dict):
        pairs = list(dict.items(value))
        if len(pairs) > ITEM_COUNT_MAX:
            raise Untestable("too many items")
        return {
            "dict": [[encode(k, keep, depth + 1), encode(v, keep, depth + 1)] for k, v in pairs]
        }
    if isinstance(value, (range, map, filter, zip)) or type(value).__name__ in (
        "generator",
        "dict_keys",
        "dict_values",
        "dict_items",
    ):
        items = []
        for item in value:
            items.append(encode(item, keep, depth + 1))
            if len(items) > ITEM_COUNT_MAX:
                raise Untestable("too many items")
        return {"list": items}
    return {"handle": keep(value)}


def decode(data, found):
    """`found(number)` gives the object of a handle. Raises ValueError for what is none of ours."""
    if data is None or isinstance(data, bool):
        return data
    if not isinstance(data, dict) or len(data) != 1:
        raise ValueError("no value")
    ((kind, value),) = data.items()
    if kind == "int":
        return int(value, 16)
    if kind == "float":
        return float.fromhex(value)
    if kind == "str":
        return bytes.fromhex(value).decode("utf-8", "surrogatepass")
    if kind == "complex":
        return complex(float.fromhex(value[0]), float.fromhex(value[1]))
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind in ("list", "tuple", "set", "frozenset"):
        items = [decode(item, found) for item in value]
        return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](items)
    if kind == "dict":
        return {decode(k, found): decode(v, found) for k, v in value}
    if kind == "handle":
        return found(int(value))
    raise ValueError("no value")


def read_message(file):
    line = file.readline(SIZE_MAX)
    if not line:
        raise EOFError
    if not line.endswith(b"\n"):
        raise ValueError("too long a message")
    return json.loads(line)


def write_message(file, message):
    data = json.dumps(message).encode() + b"\n"
    if len(data) > SIZE_MAX:
        raise Untestable("too long a message")
    file.write(data)
    file.flush()


def limit(cpu_seconds, memory_bytes, process_count):
    import resource

    for what, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_NPROC, process_count),
        (resource.RLIMIT_FSIZE, 16 << 20),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    sys.setrecursionlimit(2_000)
