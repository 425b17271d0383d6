"""Hundreds of clients that never finish: everybody else is answered in time, and the server frees their places."""

import json
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest

from tests.faults.connections import connected, head, many, rest_of
from tests.faults.lumina import CANDIDATE, approve, config, sending, simulate, usage_event
from tests.faults.publishing import publish_to, until_published
from tests.faults.running import Server, breakable, eventually

PATIENCE_SECONDS = 3
UNFINISHED = 150
"""Of each kind; both workers together have 16 threads."""
ALWAYS_SECONDS = 10.0
"""For everybody else. Were threads held by who never finishes, 300 halves of bodies would hold 16 of them a minute."""
ENDLESS_SECONDS = 60
USAGE = "/api/usage-events"
BIG = "/api/openapi.json"


@pytest.fixture(scope="module")
def impatient(seeded: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server, the same for all tests here, that gives clients up after three seconds."""
    folder = tmp_path_factory.mktemp("impatient")
    shutil.copytree(seeded, folder / "data")
    environment = {"AVS_CLIENT_SECONDS": str(PATIENCE_SECONDS)}
    with breakable(Server(folder / "data", folder / "server.log", environment)) as server:
        publish_to(server, folder / "published")
        server.start()
        simulate(server)  # the engine is loaded
        yield server


def seconds_for(server: Server, path: str) -> float:
    began = time.monotonic()
    assert server.get(path).status_code == 200, path
    return time.monotonic() - began


def open_connections(server: Server) -> int:
    """How many connections of clients the workers hold."""
    return sum(
        connection.status in ("ESTABLISHED", "CLOSE_WAIT")
        for worker in server.workers()
        for connection in worker.net_connections("tcp")
        if connection.laddr.port == server.port
    )


def test_everybody_else_is_answered_while_hundreds_never_finish(impatient: Server) -> None:
    half_a_body = head("POST", USAGE, Content_Type="application/json", Content_Length=100_000) + b'[{"event_id":'
    half_a_head = head("POST", USAGE)[:-2]
    no_reader = head("GET", BIG) * 30
    with ExitStack() as held, sending(impatient, "slow") as usage:
        bodies = held.enter_context(many(impatient, UNFINISHED, half_a_body))
        heads = held.enter_context(many(impatient, UNFINISHED, half_a_head))
        held.enter_context(many(impatient, 40, no_reader, small=True))
        for client in held.enter_context(many(impatient, UNFINISHED, half_a_body)):
            client.close()
        screens = seconds_for(impatient, "/")
        health = max(seconds_for(impatient, "/healthz") for _ in range(20))
        began = time.monotonic()
        simulation_run_id = simulate(impatient).json()["simulation_run_id"]
        assert approve(impatient, simulation_run_id).status_code == 201
        worked = time.monotonic() - began
        began = time.monotonic()
        assert config(impatient).json()["config_version_id"] == CANDIDATE
        delivered = time.monotonic() - began
        answers = [rest_of(client) for client in bodies]
        endings = [rest_of(client) for client in heads]
    healed = eventually(lambda: open_connections(impatient) == 0)
    assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
    assert all(b'"code":"request_timeout"' in answer for answer in answers)
    assert set(endings) == {b""}
    assert max(health, delivered, screens) < ALWAYS_SECONDS
    assert usage.acknowledged
    assert usage.lost() == set()
    until_published(impatient)
    print(
        f"{3 * UNFINISHED + 40} unfinished requests: health {health:.2f} s, config {delivered:.2f} s, screen "
        f"{screens:.2f} s, simulated and approved {worked:.1f} s, {len(usage.acknowledged)} events acknowledged, "
        f"0 lost, places free {healed:.1f} s after"
    )


def test_a_body_in_chunks_is_read_whole(impatient: Server) -> None:
    events = json.dumps([usage_event(f"chunked_{number}") for number in range(50)]).encode()

    def pieces() -> Iterator[bytes]:
        for start in range(0, len(events), 700):
            yield events[start : start + 700]

    answer = httpx.post(
        f"{impatient.url}{USAGE}", content=pieces(), headers={"Content-Type": "application/json"}, timeout=60
    )
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 50


def test_a_client_that_sends_a_byte_now_and_then_is_given_up(impatient: Server) -> None:
    with connected(impatient) as client:
        client.sendall(head("POST", USAGE, Content_Type="application/json", Content_Length=100_000))
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() - began < ENDLESS_SECONDS:
                client.sendall(b"[")
                time.sleep(0.25)
        assert time.monotonic() - began < ENDLESS_SECONDS


def test_a_client_that_takes_its_time_but_takes_it_gets_the_whole_answer(impatient: Server) -> None:
    whole = impatient.get(BIG).content
    with connected(impatient, small=True) as client:
        client.sendall(head("GET", BIG, Connection="close"))
        began, taken = time.monotonic(), bytearray()
        while time.monotonic() - began < PATIENCE_SECONDS + 1:
            taken += client.recv(2_048)
            time.sleep(0.05)
        taken += rest_of(client)
    assert len(taken) > len(whole)
    assert taken.count(b"openapi") >= 1


def test_a_refused_body_is_not_waited_for(impatient: Server) -> None:
    """What is larger than its address takes is refused before it has been sent."""
    with connected(impatient) as client:
        client.sendall(head("POST", USAGE, Content_Type="application/json", Content_Length=10**12))
        assert client.recv(20).startswith(b"HTTP/1.1 413 "), "one that is waited for is told 408"
        client.shutdown(socket.SHUT_RDWR)
