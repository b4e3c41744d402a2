"""Runs the checks of one client and reports each on a line of its own, for `cargo xtask clients` to count.

A check is a function without arguments; its name, read as a sentence, says what it proves. It passes unless it raises;
what it gives back is a note for the reader. On stdout stands `pass|fail<TAB>name<TAB>note or reason` per check, on
stderr the traceback of each failure.
"""

import json
import signal
import sys
import traceback
import urllib.request

# No script takes a tenth of this; what hangs is a failure, and unwinding from it ends the servers it started.
MAX_SECONDS = 100


def run(*checks):
    """Runs every check, whatever became of those before it."""
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(MAX_SECONDS)
    for check in checks:
        name = check.__name__.replace("_", " ")
        try:
            note = check()
        except Exception as error:
            _report("fail", name, _reason(error))
            traceback.print_exc()
        else:
            _report("pass", name, note or "")


def raises(expected, call):
    """The exception of type `expected` that `call` raises."""
    try:
        answer = call()
    except expected as error:
        return error
    raise AssertionError(f"no {expected.__name__}, but {answer!r}")


def post(url, fields):
    """The text that a POST of JSON is answered with."""
    request = urllib.request.Request(url, json.dumps(fields).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read().decode()


def objects(text):
    """The JSON values that stand one after another in `text`, as grpcurl and buf print a stream."""
    decoder = json.JSONDecoder()
    values = []
    while text := text.strip():
        value, end = decoder.raw_decode(text)
        values.append(value)
        text = text[end:]
    return values


def _report(outcome, name, reason):
    print(outcome, name, reason, sep="\t", flush=True)


def _reason(error):
    """The error and the script's own line that it comes from, in one line."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
    place = own[-1]
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return f"{text[:400]} ({place.filename.rsplit('/', 1)[-1]}:{place.lineno}: {place.line})"


def _too_long(_signal, _frame):
    print(f"no end after {MAX_SECONDS} s", file=sys.stderr)
    raise TimeoutError(f"no end after {MAX_SECONDS} s")
