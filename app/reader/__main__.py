"""The process that reads one document: `python -m app.reader word 4711`, bytes in, one line of JSON out.

{"text": "…", "notes": ["only its first 300 of 412 pages were read"]}
{"problem": "is locked with a password: save it without one"}
"""

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module

from app.reader import bounds
from app.reader.outcome import Text, UnreadableDocument


def main(kind: str, server_pid: int) -> None:
    """Read the document on the standard input. The library of its kind is loaded before the limits are put on."""
    read: Callable[[bytes], Text] = import_module(f"{__package__}.{kind}").read
    bounds.hold(server_pid)
    try:
        answer = _answer(read, sys.stdin.buffer.read())
        sys.stdout.buffer.write(answer)
        sys.stdout.buffer.flush()
    except MemoryError:
        os._exit(bounds.OUT_OF_MEMORY)
    os._exit(0)  # at once: what is left of a hostile document need not be put away


def _answer(read: Callable[[bytes], Text], content: bytes) -> bytes:
    try:
        text = read(content)
    except UnreadableDocument as problem:
        return json.dumps({"problem": str(problem)}).encode()
    return json.dumps({"text": text.text, "notes": list(text.notes)}).encode()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
