"""The server is told to stop while apps listen and people work: listeners come back, work under way is finished."""

import json
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack

import psutil
import pytest

from app.serving.supervisor import SAME_SIGNAL_SECONDS
from app.serving.worker import STOPPED_WITHIN
from tests.faults.connections import (
    answer,
    begin,
    connected,
    head,
    long_poll_request,
    many,
    rest_of,
    stream_request,
)
from tests.faults.lumina import BATCH_EVENTS, QUESTION, config, sending
from tests.faults.running import PATIENCE_SECONDS, Server, assert_is_free, eventually

LISTENERS = 200
"""Streams, and as many long polls."""
WARM_EVENTS = 20 * BATCH_EVENTS
"""After so many every worker has loaded what reads usage, which takes longer than everything that is measured here."""


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_listeners_are_told_to_come_back_and_the_server_is_gone_in_seconds(
    server: Server, told: signal.Signals
) -> None:
    server.start()
    etag = config(server).headers["etag"]
    with ExitStack() as held, sending(server, "drained") as usage:
        streams = held.enter_context(many(server, LISTENERS, stream_request()))
        polls = held.enter_context(many(server, LISTENERS, head("GET", "/healthz") + long_poll_request(etag)))
        idle = held.enter_context(many(server, 20, head("GET", "/healthz")))
        for client in (*streams, *polls, *idle):
            assert client.recv(15) == b"HTTP/1.1 200 OK"
        eventually(lambda: len(usage.acknowledged) > WARM_EVENTS)
        time.sleep(0.3)  # whose first request is answered has its second one read, in the same breath
        took = seconds_until_ended(server, lambda: server.tell(told))
        assert server.wait_until_ended() == 0
        last_words = [rest_of(client) for client in streams]
        answers = [rest_of(client) for client in polls]
        assert all(b"retry: " in words and words.endswith(b"\r\n0\r\n\r\n") for words in last_words)
        assert all(b"HTTP/1.1 304 " in answer for answer in answers)
        heal = server.start()
        usage.wait_for_more()
    assert usage.lost() == set()
    assert took < STOPPED_WITHIN, "it was killed"
    print(
        f"{told.name}: {2 * LISTENERS} listeners let go and the server gone in {took:.2f} s, up again in {heal:.1f} s; "
        f"{len(usage.acknowledged)} events acknowledged, 0 lost"
    )


def test_work_under_way_is_finished(server: Server) -> None:
    server.start()
    question = json.dumps(QUESTION).encode()
    with connected(server) as client:
        begin(client, "/api/simulations", question)
        first = answer(client)  # this worker has loaded what simulates
        begin(client, "/api/simulations", question)
        took = server.stop()
        run = answer(client)
    assert run["simulation_run_id"] != first["simulation_run_id"]
    server.start()
    assert server.get(f"/api/simulations/{run['simulation_run_id']}").json()["status"] == "completed"
    print(f"a simulation under way was finished, the server gone in {took:.1f} s")


def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    server.start()
    with connected(server) as client:
        begin(client, "/api/usage-events", bytes(100), sent=1)
        workers = server.workers()
        server.tell(signal.SIGTERM)
        eventually(lambda: len(server.workers()) < len(workers))  # the one that has nothing to do
        time.sleep(SAME_SIGNAL_SECONDS)
        took = seconds_until_ended(server, lambda: server.tell(signal.SIGTERM))
    assert took < STOPPED_WITHIN / 2
    assert psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)[1] == []
    assert_is_free(server.port)
    print(f"a second signal: the server gone in {took:.2f} s, whatever was under way")


def seconds_until_ended(server: Server, action: Callable[[], None]) -> float:
    began = time.monotonic()
    action()
    server.wait_until_ended()
    return time.monotonic() - began
