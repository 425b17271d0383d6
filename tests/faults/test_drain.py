"""The server is told to stop while apps listen and people work: listeners come back, work under way is finished."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.faults.connections import connected, head, long_poll_request, many, rest_of, stream_request
from tests.faults.lumina import config, sending, simulate
from tests.faults.running import Server

LISTENERS = 200
"""Streams, and as many long polls."""
DRAINED_SECONDS = 3.0
"""Under 2 s on a machine of its own; two cores that also run other tests take a little more."""


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_listeners_are_told_to_come_back_and_the_server_is_gone_in_seconds(
    server: Server, told: signal.Signals
) -> None:
    server.start()
    etag = config(server).headers["etag"]
    with ExitStack() as held, sending(server, "drained") as usage:
        streams = held.enter_context(many(server, LISTENERS, stream_request()))
        polls = held.enter_context(many(server, LISTENERS, long_poll_request(etag)))
        idle = held.enter_context(many(server, 20, head("GET", "/healthz")))
        for client in (*streams, *idle):
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        time.sleep(0.3)
        took = seconds_until_ended(server, lambda: server.tell(told))
        assert server.wait_until_ended() == 0
        last_words = [rest_of(client) for client in streams]
        answers = [rest_of(client) for client in polls]
        assert all(b"retry: " in words and words.endswith(b"\r\n0\r\n\r\n") for words in last_words)
        assert all(answer.startswith(b"HTTP/1.1 304 ") for answer in answers)
        heal = server.start()
        usage.wait_for_more()
    assert usage.lost() == set()
    assert took < DRAINED_SECONDS, took
    print(
        f"{told.name}: {2 * LISTENERS} listeners let go and the server gone in {took:.2f} s, up again in {heal:.1f} s; "
        f"{len(usage.acknowledged)} events acknowledged, 0 lost"
    )


def test_work_under_way_is_finished(server: Server) -> None:
    server.start()
    with ThreadPoolExecutor(1) as thread:
        simulating = thread.submit(simulate, server)
        time.sleep(0.3)
        took = server.stop()
        answer = simulating.result()
    assert answer.status_code in (200, 201), answer.text
    server.start()
    assert server.get(f"/api/simulations/{answer.json()['simulation_run_id']}").json()["status"] == "completed"
    print(f"a simulation under way was finished, the server gone in {took:.1f} s")


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    server.start()
    with connected(server) as client:
        client.sendall(head("POST", "/api/usage-events", Content_Type="application/json", Content_Length=100) + b"[")
        time.sleep(0.3)
        workers = server.workers()
        server.tell(signal.SIGTERM)
        time.sleep(0.8)
        took = seconds_until_ended(server, lambda: server.tell(signal.SIGTERM))
    assert took < 1
    assert not any(worker.is_running() and worker.status() != "zombie" for worker in workers)


def seconds_until_ended(server: Server, action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    server.wait_until_ended(30)
    return time.monotonic() - began
