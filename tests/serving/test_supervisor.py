"""The main process looks after its workers: real processes that die, hang, or never come to serve."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.faults.running import eventually, free_port

MAIN = """
import os, sys, time
from app.serving import supervisor

supervisor.HUNG_SECONDS, supervisor.START_SECONDS = 3.0, 5.0

def work(listener, place, beats, main_pid):
{work}

supervisor.work = work
sys.exit(supervisor.Supervisor(supervisor.listen("127.0.0.1", {port}, 30), 1).run())
"""
NEVER_SERVES = "    os._exit(3)"
DIES = """
    beats[place] = time.monotonic()
    time.sleep(0.05)
    os._exit(3)
"""
HANGS_ONCE = """
    import faulthandler
    faulthandler.register(supervisor.DUMP_SIGNAL, all_threads=True)
    beats[place] = time.monotonic()
    hung_before = os.path.exists({marker!r})
    open({marker!r}, "w").close()

    def in_a_loop_without_end():
        while True:
            time.sleep(0.1)
            if hung_before:
                beats[place] = time.monotonic()
    in_a_loop_without_end()
"""
NEVER_BEATS = "    time.sleep(60)"
OUTLIVES = """
    import signal, threading
    from app.serving import worker
    worker.STOPPED_WITHIN = 1
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    threading.Thread(target=worker._end_with, args=(main_pid,), daemon=True).start()
    beats[place] = time.monotonic()

    def whatever_it_is_told():
        while True:
            time.sleep(0.1)
    whatever_it_is_told()
"""


@contextmanager
def supervised(work: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A main process with one worker that does this."""
    script = MAIN.format(work=work, port=free_port())
    with log.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", script], stdout=file, stderr=file)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


@pytest.mark.parametrize("work", [NEVER_SERVES, NEVER_BEATS], ids=["dies at its start", "hangs at its start"])
def test_a_server_whose_worker_never_comes_to_serve_ends_with_status_1(tmp_path: Path, work: str) -> None:
    log = tmp_path / "log"
    with supervised(work, log) as process:
        assert process.wait(60) == 1
    assert "the server stops" in log.read_text()


def test_a_worker_that_dies_again_and_again_is_begun_later_and_later(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with supervised(DIES, log) as process:
        eventually(lambda: log.read_text().count("another one begins") == 4)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert time.monotonic() - began < 6, "the pause before the next worker would be 8 s"
    pauses = [line.rpartition(" in ")[2] for line in log.read_text().splitlines() if "another one begins" in line]
    assert pauses == ["0 s.", "1 s.", "2 s.", "4 s."]


def test_a_worker_that_does_not_end_with_its_main_process_is_ended_and_the_log_says_where_it_was(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    with supervised(OUTLIVES, log) as process:
        eventually(lambda: len(psutil.Process(process.pid).children()) == 1)
        (worker,) = psutil.Process(process.pid).children()
        process.kill()
        assert psutil.wait_procs([worker], timeout=30)[1] == []
    assert "in whatever_it_is_told" in log.read_text()


def test_a_worker_that_hangs_is_replaced_and_the_log_says_where_it_was(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with supervised(HANGS_ONCE.format(marker=str(tmp_path / "hung")), log) as process:
        eventually(lambda: "another one begins" in log.read_text())
        eventually(lambda: len(psutil.Process(process.pid).children()) == 1)
        time.sleep(4)
        assert process.poll() is None
    assert "has hung for 3 s" in log.read_text()
    assert "in in_a_loop_without_end" in log.read_text()
    assert log.read_text().count("another one begins") == 1


def test_a_main_process_that_stood_still_itself_kills_nobody(tmp_path: Path) -> None:
    """As a laptop that was closed, or a process that was stopped with all its group and goes on."""
    beats = "    while True:\n        beats[place] = time.monotonic()\n        time.sleep(0.2)"
    log = tmp_path / "log"
    with supervised(beats, log) as process:
        eventually(lambda: len(psutil.Process(process.pid).children()) == 1)
        (worker,) = psutil.Process(process.pid).children()
        time.sleep(1)
        for stopped in (worker, psutil.Process(process.pid)):
            stopped.suspend()
        time.sleep(4)
        for stopped in (psutil.Process(process.pid), worker):
            stopped.resume()
        time.sleep(1.5)
        assert worker.is_running()
    assert log.read_text() == ""
