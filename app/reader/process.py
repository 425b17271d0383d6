"""Starts the process that reads a document, waits for it for as long as it may take, and says what came of it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import BoundedSemaphore
from time import monotonic

from app.reader.bounds import OUT_OF_MEMORY
from app.reader.kinds import kind_of
from app.reader.outcome import ReadersBusy, Text, UnreadableDocument
from app.sizes import MAX_DOCUMENT_LENGTH, MAX_READER_BYTES, MAX_READERS, MAX_READING_SECONDS, MIB

_WAIT_SECONDS = 1.0  # for another document to be read
_GRACE_SECONDS = 2.0  # beyond the process's own limit, for it to start
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
"""Of the server's environment, which has secrets, what Python needs to start."""
_PACKAGE = __name__.rpartition(".")[0]
_COMMAND = ("-P", "-m", _PACKAGE)
_ROOT = Path(__file__).resolve().parents[_PACKAGE.count(".") + 1]
_OVER_TIME = (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)
_places = BoundedSemaphore(MAX_READERS)


class Deadline:
    """The time for all documents of one upload."""

    def __init__(self, seconds: float = MAX_READING_SECONDS) -> None:
        self._end = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds, 0 when it is over."""
        return max(0.0, self._end - monotonic())


def read(name: str, content: bytes, deadline: Deadline) -> Text:
    """The text of a document, stripped. Raises UnreadableDocument, or ReadersBusy where no process may be started."""
    kind = kind_of(name, content)
    text = _plain(content) if kind == "text" else _in_process(kind, content, deadline)
    stripped = _storable(text.text)
    if not stripped:
        raise UnreadableDocument("holds no text; a scanned page has to be typed in")
    return Text(stripped, text.notes)


def _plain(content: bytes) -> Text:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnreadableDocument("is not UTF-8 text: save it as UTF-8, or paste its text") from None
    is_cut = len(text) > MAX_DOCUMENT_LENGTH
    notes = (f"only its first {MAX_DOCUMENT_LENGTH:,} characters were read",) if is_cut else ()
    return Text(text[:MAX_DOCUMENT_LENGTH], notes)


def _storable(text: str) -> str:
    """The text as every database keeps it: without NUL, and with whole characters only."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()


def _in_process(kind: str, content: bytes, deadline: Deadline) -> Text:
    if not deadline.remaining():
        raise UnreadableDocument(
            f"was not read: the {MAX_READING_SECONDS} seconds of one upload were over, send it alone"
        )
    with _place():
        status, answer = _run(kind, content, deadline.remaining())
    if status == 0:
        outcome = json.loads(answer)
        if "problem" in outcome:
            raise UnreadableDocument(outcome["problem"])
        return Text(outcome["text"], outcome["notes"])
    raise UnreadableDocument(_ending(status))


@contextmanager
def _place() -> Iterator[None]:
    """One of the places for readers, so that documents never take all of a server's threads and cores."""
    if not _places.acquire(timeout=_WAIT_SECONDS):
        raise ReadersBusy
    try:
        yield
    finally:
        _places.release()


def _run(kind: str, content: bytes, seconds: float) -> tuple[int, bytes]:
    """The exit status and the answer of a process, which is gone when this returns, whatever became of it.

    It is started anew and shares nothing with the server: no thread, no lock, no open file, no setting.
    """
    command = [sys.executable, *_COMMAND, kind, str(os.getpid())]
    paths = os.pathsep.join(dict.fromkeys([str(_ROOT), *filter(None, sys.path)]))
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | {"PYTHONPATH": paths}
    with subprocess.Popen(  # noqa: S603  our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        try:
            answer, _ = process.communicate(content, timeout=seconds + _GRACE_SECONDS)
        except BaseException as problem:
            process.kill()
            if not isinstance(problem, subprocess.TimeoutExpired):
                raise
            return -signal.SIGKILL, b""
        return process.returncode, answer


def _ending(status: int) -> str:
    """What the end of a process without an answer says of its document."""
    if status in _OVER_TIME:
        return f"took longer than {MAX_READING_SECONDS} seconds to read: split it, save it again or paste its text"
    if status == OUT_OF_MEMORY:
        return f"needs more than {MAX_READER_BYTES // MIB} MiB of memory to be read: split it or paste its text"
    return "is damaged (reading it broke off): save it again or paste its text"
