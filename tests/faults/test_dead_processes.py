"""Each process of the server is killed in turn while it works: the others go on, and another one takes its place."""

import signal
import time
from functools import partial
from itertools import count

import httpx
import psutil

from app.serving.supervisor import HUNG_SECONDS
from app.serving.worker import PARENT_CHECK_SECONDS, STOPPED_WITHIN
from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate
from tests.faults.publishing import until_published
from tests.faults.running import PATIENCE_SECONDS, Server, assert_is_free, eventually

ALWAYS_SECONDS = HUNG_SECONDS / 2
"""Whoever waited for a worker that stands still would wait until it is killed as one that hangs, and longer."""


def pids(server: Server) -> set[int]:
    return {worker.pid for worker in server.workers()}


def has_another(server: Server, dead: set[int], number: int) -> bool:
    alive = pids(server)
    return len(alive) == number and not alive & dead


def insistently(server: Server, path: str) -> float:
    """Ask until there is an answer, as clients do whose connection broke; the seconds that it took."""
    return eventually(lambda: _answers(server, path))


def _answers(server: Server, path: str) -> bool:
    try:
        return server.get(path).status_code == 200
    except httpx.TransportError:
        return False


def simulated(server: Server) -> str:
    """The id of a run that has been answered, asked for again where the asked process was killed."""
    for attempt in count():
        try:
            answer = simulate(server)
        except httpx.TransportError:
            assert attempt < 5
            continue
        run_id: str = answer.json()["simulation_run_id"]
        return run_id
    raise AssertionError


def test_each_worker_in_turn_and_all_at_once_are_replaced_while_people_work(server: Server) -> None:
    server.start()
    main = server.main()
    first = pids(server)
    heal_seconds, unanswered = [], 0.0
    with sending(server, "respawned") as usage:
        for pid in sorted(first):
            psutil.Process(pid).kill()
            unanswered = max(unanswered, insistently(server, "/healthz"))
            heal_seconds.append(eventually(partial(has_another, server, {pid}, len(first))))
            run_id = simulated(server)
        second = pids(server)
        for pid in second:
            psutil.Process(pid).kill()
        unanswered = max(unanswered, insistently(server, "/healthz"))
        heal_seconds.append(eventually(lambda: has_another(server, second, len(first))))
        assert approve(server, run_id).status_code == 201
        usage.wait_for_more()
    assert main.is_running()
    assert config(server).json()["config_version_id"] == CANDIDATE
    until_published(server)
    assert usage.lost() == set()
    assert server.said().count("another one begins") == 2 * len(first)
    print(
        f"each worker, then all: {len(usage.acknowledged)} events acknowledged, 0 lost, without an answer for at most "
        f"{unanswered:.2f} s, replaced within {max(heal_seconds):.2f} s"
    )


def test_workers_do_not_outlive_their_main_process(server: Server) -> None:
    server.start()
    workers = server.workers()
    with sending(server, "orphans") as usage:
        usage.wait_for_more()
        server.main().kill()
        server.wait_until_ended()
        began = time.monotonic()
        gone, alive = psutil.wait_procs(workers, timeout=PARENT_CHECK_SECONDS + STOPPED_WITHIN + PATIENCE_SECONDS)
        took = time.monotonic() - began
        assert not alive
        assert_is_free(server.port)
        heal = server.start()
        usage.wait_for_more()
    assert usage.lost() == set()
    print(f"main process killed: its {len(gone)} workers gone in {took:.1f} s, port free, up again in {heal:.1f} s")


def test_a_worker_that_stands_still_keeps_nobody_waiting(server: Server) -> None:
    """No new connection waits for it: all workers accept from one socket."""
    server.start()
    standing = server.workers()[0]
    standing.send_signal(signal.SIGSTOP)
    try:
        longest = max(insistently(server, path) for path in ["/healthz", "/api/runtime/keys"] * 10)
    finally:
        standing.send_signal(signal.SIGCONT)
    assert longest < ALWAYS_SECONDS
    print(f"one worker of two stands still: every request answered within {longest:.2f} s")
