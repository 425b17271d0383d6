"""GET /api/runtime/config and its 304 beside a bare WSGI callable with the same bytes: same server, same run.

Needs `wrk` (Debian package); both servers run on loopback with one granian worker each, one after the other.
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


@contextmanager
def served(target: str, folder: Path, data_dir: Path) -> Iterator[int]:
    """The port of a granian that serves `target` with one worker."""
    port = free_port()
    granian = str(Path(sys.executable).with_name("granian"))
    command = [granian, "--interface", "wsgi", "--port", str(port), "--workers", "1", "--blocking-threads", "1", target]
    environment = {**os.environ, "AVS_DATA_DIR": str(data_dir), "PYTHONPATH": f"{ROOT}:{folder}"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait(port)
        yield port
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


def requests_per_second(port: int, headers: tuple[str, ...]) -> float:
    options = [item for header in headers for item in ("-H", header)]
    command = ["wrk", "-t1", "-c32", "-d5s", *options, f"http://127.0.0.1:{port}{PATH}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in output and not headers:
        raise AssertionError(output)
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


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
        with served("wsgi:app", folder, data_dir) as port:
            body, etag = fetch(port)
            ours = measure(port, etag)
        (folder / "body.json").write_bytes(body)
        (folder / "bare_wsgi.py").write_text(BARE.format(body=str(folder / "body.json"), etag=etag))
        with served("bare_wsgi:app", folder, data_dir) as port:
            bare = measure(port, etag)
    print(f"| one worker, {len(body):,} bytes | 200 per second | 304 per second |\n|---|---:|---:|")
    print(f"| bare WSGI callable | {bare[0]:,.0f} | {bare[1]:,.0f} |")
    print(f"| GET /api/runtime/config | {ours[0]:,.0f} | {ours[1]:,.0f} |")
    print(f"| ratio | {ours[0] / bare[0]:.2f} | {ours[1] / bare[1]:.2f} |")


if __name__ == "__main__":
    main()
