# Compares two answers with math-verify: one JSON line in, one out. A process of its own, because
# what parses such texts can hang or take all memory; `math.py` kills it then. It is run by its path
# with `python -P`, so it imports nothing of the package.
import faulthandler
import json
import logging
import resource
import sys

memory_bytes, seconds = int(sys.argv[1]), float(sys.argv[2])

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify  # noqa: E402

logging.disable(logging.CRITICAL)
resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
CONFIGURATION = [LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig()]


def parsed(text):
    return parse(
        "\\boxed{" + text + "}",
        extraction_config=CONFIGURATION,
        parsing_timeout=None,
        fallback_mode="no_fallback",
    )


def compared(gold, answer):
    gold, answer = parsed(gold), parsed(answer)
    if not gold or not answer:
        return {"equal": None, "gold": bool(gold), "answer": bool(answer)}
    equal = verify(gold, answer, float_rounding=6, timeout_seconds=None)
    return {"equal": bool(equal), "gold": True, "answer": True}


print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    gold, answer = json.loads(line)
    # Ends this process even when it hangs in C and its parent is gone.
    faulthandler.dump_traceback_later(seconds + 5, exit=True)
    try:
        result = compared(gold, answer)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        result = {"equal": None, "gold": False, "answer": False, "error": type(error).__name__}
    faulthandler.cancel_dump_traceback_later()
    print(json.dumps(result), flush=True)
