"""Streams held open: what an idle listener costs, and how soon every listener has heard of an activation.

The server, the listeners (raw sockets in this process) and the approver (a third process) share the machine's cores.
An activation is a rollback over HTTP to the other one of two configs; a listener has heard when its event is complete.
Needed: of 1,000 listeners 99 % within 250 ms of the approving call's return.
"""

import argparse
import asyncio
import http.client
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.processes import usage
from benchmarks.runtime_endpoint import PRODUCT, SUBJECT, command_of, free_port, running

STREAM = f"GET /api/runtime/stream?{SUBJECT} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
ACTIVE, CANDIDATE = "cfg_smb_learning_prod_v1", "cfg_smb_learning_prod_v2_candidate"
APPROVAL = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "Measured."}
CONNECTED_AT_ONCE = 100
HEARD = ("p50 ms", "p99 ms", "last listener, p50 ms", "last listener, worst ms", "p99 ms from sending the call")
IDLE_SECONDS = 20
"""Longer than the 15 seconds between two heartbeats."""


@dataclass
class Audience:
    """Everybody who listens. `heard` is when (monotonic) each has had the event that all wait for, by its digest."""

    size: int
    heard: list[tuple[float, bytes]] = field(default_factory=list)
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def hears(self, digest: bytes) -> None:
        self.heard.append((time.monotonic(), digest))
        if len(self.heard) == self.size:
            self.complete.set()

    async def all_heard(self) -> list[float]:
        """When each of them had the event, earliest first; AssertionError when they heard different things."""
        await asyncio.wait_for(self.complete.wait(), 60)
        heard, self.heard, self.complete = self.heard, [], asyncio.Event()
        assert len({digest for _, digest in heard}) == 1, heard
        return [moment for moment, _ in heard]


class Listener(asyncio.Protocol):
    """Reads events off a connection; their content is left alone."""

    def __init__(self, audience: Audience) -> None:
        self.audience, self.pending = audience, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        cast(asyncio.Transport, transport).write(STREAM)

    def data_received(self, data: bytes) -> None:
        *parts, self.pending = (self.pending + data).split(b"\n\n")
        for part in parts:
            if b"event: config" in part:
                self.audience.hears(part.partition(b"\nid: ")[2][:64])


async def listening(port: int, size: int) -> tuple[Audience, list[asyncio.Transport]]:
    """An audience whose every member has had the document that is active now."""
    loop, audience, transports = asyncio.get_running_loop(), Audience(size), []
    for start in range(0, size, CONNECTED_AT_ONCE):
        some = range(start, min(start + CONNECTED_AT_ONCE, size))
        connected = (loop.create_connection(lambda: Listener(audience), "127.0.0.1", port) for _ in some)
        transports += [transport for transport, _ in await asyncio.gather(*connected)]
    await audience.all_heard()
    return audience, transports


def roll_back(port: int, config_version_id: str) -> tuple[float, float]:
    """When (monotonic, the same clock in every process) the approving call was sent, and when it had returned."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.connect()
    sent = time.monotonic()
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/api/configs/{config_version_id}/rollback", json.dumps(APPROVAL), headers)
    answer = connection.getresponse()
    body = answer.read()
    returned = time.monotonic()
    assert answer.status == 201, body
    return sent, returned


@dataclass(frozen=True)
class Measured:
    """Bytes and idle share of a core, and milliseconds from the call's return (or its sending) to each listener."""

    each_bytes: float
    idle_share: float
    after_return: list[float]
    after_sending: list[float]
    last: list[float]
    calls: list[float]


async def measure(port: int, server: int, size: int, rounds: int, approver: Executor) -> Measured:
    loop, before = asyncio.get_running_loop(), usage(server)
    audience, transports = await listening(port, size)
    idle = usage(server)
    await asyncio.sleep(IDLE_SECONDS)
    after = usage(server)
    found = Measured(
        (after.resident - before.resident) / size, (after.processor - idle.processor) / IDLE_SECONDS, [], [], [], []
    )
    for config_version_id, _ in zip(cycle((ACTIVE, CANDIDATE)), range(rounds), strict=False):
        call = loop.run_in_executor(approver, roll_back, port, config_version_id)
        moments = await audience.all_heard()
        sent, returned = await call
        found.after_return.extend(1000 * max(moment - returned, 0) for moment in moments)
        found.after_sending.extend(1000 * (moment - sent) for moment in moments)
        found.last.append(1000 * max(max(moments) - returned, 0))
        found.calls.append(1000 * (returned - sent))
        await asyncio.sleep(0.2)
    for transport in transports:
        transport.close()
    return found


def prepare(environment: dict[str, str]) -> None:
    """The demo data with both configs decided, so that each may be rolled back to; the candidate is active."""

    def avs(*arguments: str) -> str:
        command = [str(Path(sys.executable).with_name("avs")), *arguments]
        return subprocess.run(command, check=True, env=environment, capture_output=True, text=True).stdout

    avs("seed")
    run = json.loads(avs("simulate", CANDIDATE, "--window", "mocked", "--json"))["simulation_run_id"]
    avs("approve", CANDIDATE, run, "--approver", "Theresa", "--role", "CEO", "--rationale", "Measured.")


def measured(size: int, workers: int, rounds: int, approver: Executor) -> Measured:
    """With a server and demo data of its own."""
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "AVS_DATA_DIR": name}
        prepare(environment)
        port = free_port()
        with running(command_of(PRODUCT, port, workers), port, environment) as process:
            for config_version_id in (ACTIVE, CANDIDATE):  # warm
                roll_back(port, config_version_id)
            return uvloop.run(measure(port, process.pid, size, rounds, approver))


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def row(size: int, workers: int, found: Measured) -> str:
    p50, p99 = (percentile(found.after_return, share) for share in (0.5, 0.99))
    cells = [
        f"{size:,}",
        str(workers),
        f"{found.each_bytes / 1024:.1f}",
        f"{100 * found.idle_share:.1f} %",
        str(len(found.last)),
        f"{p50:.0f}",
        f"{p99:.0f}",
        f"{percentile(found.last, 0.5):.0f}",
        f"{max(found.last):.0f}",
        f"{percentile(found.after_sending, 0.99):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--idle", type=int, default=10_000, help="Listeners of the rows that say what an idle one costs."
    )
    parser.add_argument("--listeners", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server inherits it
    if most < given.idle + 200:
        raise SystemExit(f"{given.idle:,} listeners need as many open files; `ulimit -Hn` allows {most:,}.")
    heads = ("listeners", "workers", "KiB each", "idle, share of a core", "activations", *HEARD)
    print(f"| {' | '.join(heads)} |\n|{'--:|' * len(heads)}")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as approver:
        for size, rounds in ((given.listeners, given.rounds), (given.idle, 5)):
            for workers in (1, 2):
                print(row(size, workers, measured(size, workers, rounds, approver)), flush=True)


if __name__ == "__main__":
    main()
