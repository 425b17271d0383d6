"""Hostile documents are read while apps get their configs and people their pages: each is answered, nothing waits."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import quantiles

import httpx
import psutil

from app.sizes import MAX_READER_BYTES, MAX_READERS, MAX_READING_SECONDS
from tests.faults.lumina import CANDIDATE, SUBJECT, approve, config, sending, simulate
from tests.faults.publishing import until_published
from tests.faults.running import Server, eventually
from tests.reader.hostile import HOSTILE, TEXT, word_file

PAGE = "/cycles/new/context"
SENT = ("long pages.pdf", "bomb.docx", "long attribute.docx", "circle.pdf", "numbers.pdf", "laughs.docx")
P99_SECONDS = MAX_READING_SECONDS / 2
"""Of a config beside documents that take every core. One that waited for a document would wait until it is given up."""
PAGE_SECONDS = 3 * MAX_READING_SECONDS


def sent(server: Server, name: str, content: bytes, pasted_text: str = "") -> httpx.Response:
    """What a browser in the demo's workspace shows when a document was sent to the context of a cycle."""
    with httpx.Client(base_url=server.url, timeout=60, follow_redirects=True) as browser:
        browser.get("/", params={"workspace": SUBJECT["workspace_id"]})
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(PAGE).text)
        assert token is not None
        typed = {"csrf_token": token[1], "pasted_text": pasted_text}
        return browser.post(PAGE, data=typed, files={"documents": (name, content)})


@contextmanager
def repeating(what: Callable[[], None]) -> Iterator[list[float]]:
    """The seconds that each call took, one after the other on a thread of its own while the block runs."""
    seconds: list[float] = []
    stop = threading.Event()

    def repeat() -> None:
        while not stop.is_set():
            began = time.monotonic()
            what()
            seconds.append(time.monotonic() - began)
            stop.wait(0.02)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield seconds
    finally:
        stop.set()
        thread.join(90)


def readers(server: Server) -> list[psutil.Process]:
    """The processes that read a document for the server."""
    return [child for child in server.workers() if any("app.reader" in part for part in _command(child))]


def _command(child: psutil.Process) -> list[str]:
    try:
        return list(child.cmdline())
    except psutil.Error:
        return []


def test_configs_and_pages_are_answered_while_hostile_documents_are_read(server: Server) -> None:
    server.start()
    largest = [0]

    def delivered() -> None:
        assert app.get("/api/runtime/config", params=SUBJECT).status_code == 200

    def answered() -> None:
        assert server.get("/decision-log").status_code == 200
        largest.extend(_memory(reader) for reader in readers(server))

    answers: dict[str, httpx.Response] = {}

    def answer(name: str) -> None:
        answers[name] = _until_read(server, name)

    began = time.monotonic()
    with (
        httpx.Client(base_url=server.url, timeout=60) as app,
        sending(server, "documents") as usage,
        repeating(delivered) as configs,
        repeating(answered) as pages,
    ):
        threads = [threading.Thread(target=answer, args=(name,)) for name in SENT]
        for thread in threads:
            thread.start()
        decision = approve(server, simulate(server).json()["simulation_run_id"])
        for thread in threads:
            thread.join(120)
    read_seconds = time.monotonic() - began
    assert decision.status_code == 201, decision.text
    assert {name for name, answer in answers.items() if answer.status_code != 422} <= {"long pages.pdf"}
    assert answers["long pages.pdf"].status_code in (200, 422)  # what it read in time, or that the time was over
    assert re.search("unpacks to more than 64 MiB|took longer than 10 seconds", answers["bomb.docx"].text)
    assert "declares entities" in answers["laughs.docx"].text
    assert usage.acknowledged
    assert usage.lost() == set()
    p99 = quantiles(configs, n=100)[98]
    assert p99 < P99_SECONDS
    assert max(pages) < PAGE_SECONDS
    assert max(largest) < 2 * MAX_READER_BYTES
    eventually(lambda: readers(server) == [])
    assert sent(server, "pitch.docx", word_file()).status_code == 200
    assert config(server).json()["config_version_id"] == CANDIDATE
    until_published(server)
    print(
        f"documents: {len(SENT)} hostile ones in {read_seconds:.1f} s, of which {MAX_READERS} at a time and worker; "
        f"{len(configs)} configs beside them, p99 {1000 * p99:.0f} ms; "
        f"slowest of {len(pages)} pages {max(pages):.1f} s; "
        f"largest reader {max(largest) / 2**20:.0f} MiB; {len(usage.acknowledged)} events acknowledged, 0 lost"
    )


def _until_read(server: Server, name: str) -> httpx.Response:
    """The answer of an operator who sends a document again when others are being read."""
    content = HOSTILE[name]()
    while True:
        answer = sent(server, name, content, pasted_text=TEXT)
        assert TEXT in answer.text
        if answer.status_code != 503:
            return answer
        time.sleep(1)


def _memory(reader: psutil.Process) -> int:
    try:
        return int(reader.memory_info().rss)
    except psutil.Error:
        return 0


def test_a_server_that_is_killed_while_it_has_a_document_read_leaves_no_reader(server: Server) -> None:
    server.start()
    thread = threading.Thread(target=_sent_in_vain, args=(server,))
    thread.start()
    eventually(lambda: readers(server) != [])
    [reader] = readers(server)
    assert server.process is not None
    for process in [psutil.Process(server.process.pid), *server.workers()]:
        if process.pid != reader.pid:
            process.kill()
    server.wait_until_ended()
    gone_seconds = eventually(lambda: not reader.is_running())
    thread.join(90)
    assert gone_seconds < 0.8 * MAX_READING_SECONDS, "only its own alarm ended it"
    heal_seconds = server.start()
    assert sent(server, "pitch.docx", word_file()).status_code == 200
    print(f"killed reading: the reader was gone after {gone_seconds:.1f} s, up again in {heal_seconds:.1f} s")


def _sent_in_vain(server: Server) -> None:
    try:
        sent(server, "long pages.pdf", HOSTILE["long pages.pdf"]())
    except httpx.TransportError:
        return
    raise AssertionError("The server answered although it was killed")
