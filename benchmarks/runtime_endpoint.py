"""GET /api/runtime/config and its 304 beside nginx and a bare WSGI callable with the same bytes, in the same run.

Needs `wrk`, and `nginx` for its row (Debian packages); servers run on loopback, two workers each, one after the other.
"""

import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SUBJECT = "workspace_id=ws_1049&segment=ai_video_smb&stage=learning&target_environment=production"
PATH = f"/api/runtime/config?{SUBJECT}"
BARE = """
BODY = open({body!r}, "rb").read()
ETAG = {etag!r}
def app(environ, start_response):
    if environ.get("HTTP_IF_NONE_MATCH") == ETAG:
        start_response("304 Not Modified", [("ETag", ETAG)])
        return [b""]
    start_response("200 OK", [("Content-Type", "application/json"), ("ETag", ETAG)])
    return [BODY]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PRODUCT = ("app.serving",)
BARE_WSGI = ("--interface", "wsgi", "--no-ws", "--blocking-threads", "1", "bare_wsgi:app")
NGINX = """
user root; worker_processes 2; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{ access_log off; keepalive_requests 1000000; server {{ listen 127.0.0.1:{port};
  location = /api/runtime/config {{ alias {folder}/body.json; default_type application/json; }} }} }}
"""


def command_of(target: tuple[str, ...], port: int, workers: int = 2) -> list[str]:
    """The product, or a granian that serves another `target`."""
    if target == PRODUCT:
        return [sys.executable, "-m", "app.serving", "--port", str(port), "--workers", str(workers)]
    granian = str(Path(sys.executable).with_name("granian"))
    where = ("--port", str(port), "--workers", str(workers), "--workers-kill-timeout", "5")
    return [granian, *where, *target]


@contextmanager
def served(target: tuple[str, ...], folder: Path, data_dir: Path) -> Iterator[int]:
    """The port of a granian that serves `target` with two workers."""
    port = free_port()
    environment = {**os.environ, "AVS_DATA_DIR": str(data_dir), "PYTHONPATH": f"{ROOT}:{folder}"}
    with running(command_of(target, port), port, environment):
        yield port


@contextmanager
def served_by_nginx(folder: Path) -> Iterator[int]:
    """The port of an nginx that serves the same bytes as a static file."""
    port, configuration = free_port(), folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))
    with running(["nginx", "-c", str(configuration)], port, dict(os.environ)):
        yield port


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(port)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"nothing listens on {port}")


def fetch(port: int) -> tuple[bytes, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", PATH)
    answer = connection.getresponse()
    return answer.read(), answer.headers["ETag"]


def load(port: int, path: str, headers: tuple[str, ...]) -> tuple[int, float]:
    """How many requests wrk made in five seconds, and how many per second."""
    options = [item for header in headers for item in ("-H", header)]
    command = ["wrk", "-t2", "-c64", "-d5s", *options, f"http://127.0.0.1:{port}{path}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output and not any(header.startswith("If-None-Match") for header in headers):
        raise AssertionError(output)
    requests, rate = re.search(r"(\d+) requests in", output), re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert requests, output
    assert rate, output
    return int(requests[1]), float(rate[1])


def requests_per_second(port: int, headers: tuple[str, ...]) -> float:
    return load(port, PATH, headers)[1]


def measure(port: int, etag: str) -> tuple[float, float]:
    requests_per_second(port, ())  # warm
    return requests_per_second(port, ()), requests_per_second(port, (f"If-None-Match: {etag}",))


def main() -> None:
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt-get install wrk")
    with tempfile.TemporaryDirectory() as name:
        folder, data_dir = Path(name), Path(name) / "data"
        avs = str(Path(sys.executable).with_name("avs"))
        environment = {**os.environ, "AVS_DATA_DIR": str(data_dir)}
        subprocess.run([avs, "seed"], check=True, env=environment, capture_output=True)
        with served(PRODUCT, folder, data_dir) as port:
            body, etag = fetch(port)
            ours = measure(port, etag)
        (folder / "body.json").write_bytes(body)
        (folder / "bare_wsgi.py").write_text(BARE.format(body=str(folder / "body.json"), etag=etag))
        with served(BARE_WSGI, folder, data_dir) as port:
            bare = measure(port, etag)
        nginx = None
        if shutil.which("nginx"):
            with served_by_nginx(folder) as port:
                nginx = measure(port, fetch(port)[1])
    print(f"| two workers, {len(body):,} bytes | 200 per second | 304 per second |\n|---|---:|---:|")
    print(row("GET /api/runtime/config", ours))
    print(row("bare WSGI callable", bare, ours))
    if nginx:
        print(row("nginx, static file", nginx, ours))


def row(name: str, rates: tuple[float, float], ours: tuple[float, float] | None = None) -> str:
    """A table row; beside another server's rates stands our share of them."""
    shares = (f" ({mine / rate:.2f})" for mine, rate in zip(ours, rates, strict=True)) if ours else ("", "")
    cells = (f"{rate:,.0f}{share}" for rate, share in zip(rates, shares, strict=True))
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
