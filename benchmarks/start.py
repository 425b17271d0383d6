"""How quickly the product starts and how little it holds: help, the first answer, idle workers, the first simulation.

    python -m benchmarks.start [--rounds 5] [--beside FOLDER]

`--beside` (or AVS_BENCH_BESIDE) names another checkout with a .venv of its own; the two take turns. Each round asks
`avs --help`, then starts `avs serve` with two workers on a directory that is ready, waits for /healthz, has every
worker answer home and a runtime config, and simulates twice over one connection, so that one worker answers both.

Needed: help within 0.4 s, the first answer within 2 s, 120 MiB at most for an idle worker.
"""

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import tempfile
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import psutil

from benchmarks.processes import usage
from benchmarks.runtime_endpoint import PATH, ROOT, free_port

PAGES = ("/healthz", "/", PATH)
CONNECTIONS = 30  # so many that each of the two workers gets some
QUESTION = {"candidate_config_version_id": "cfg_smb_learning_prod_v2_candidate", "historical_window_days": 30}
COLUMNS = (
    "avs --help, s",
    "first answer, s",
    "processor time until then, s",
    "an idle worker, MiB",
    "main process and workers, shared memory once, MiB",
    "first simulation, s",
    "second, s",
)


@dataclass(frozen=True)
class Round:
    """What one round measured, in the order of the columns."""

    help: float
    first_answer: float
    processor: float
    worker: float
    all_processes: float
    first_simulation: float
    second_simulation: float


@dataclass(frozen=True)
class Checkout:
    """A version of the product, its environment, and a data directory that it has seeded."""

    folder: Path
    data_dir: Path

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "AVS_DATA_DIR": str(self.data_dir)}

    @property
    def avs(self) -> str:
        return str(self.folder / ".venv" / "bin" / "avs")

    def run(self, *arguments: str) -> float:
        """Seconds that a command takes."""
        begun = time.perf_counter()
        command = [self.avs, *arguments]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)
        return time.perf_counter() - begun

    def measure(self) -> Round:
        """One round."""
        helped, port = self.run("--help"), free_port()
        begun = time.perf_counter()
        command = [self.avs, "serve", "--port", str(port)]
        server = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=subprocess.DEVNULL)
        try:
            wait_for_answer(port)
            answered, processor = time.perf_counter() - begun, usage(server.pid).processor
            for _ in range(CONNECTIONS):
                ask(port)
            worker, together = memory(server.pid)
            return Round(helped, answered, processor, worker, together, *simulations(port))
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def wait_for_answer(port: int) -> None:
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/healthz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.01)


def ask(port: int) -> None:
    """What an idle server was asked before: over one connection, so by one worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for page in PAGES:
        connection.request("GET", page)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise AssertionError(f"{page} answered {answer.status}")
    connection.close()


def memory(pid: int) -> tuple[float, float]:
    """Resident MiB of the largest worker; of all processes together, what they share counted once."""
    server = psutil.Process(pid)
    workers = [child.memory_full_info() for child in server.children(recursive=True)]
    proportional = sum(process.pss for process in (server.memory_full_info(), *workers))
    return max(worker.rss for worker in workers) / 2**20, proportional / 2**20


def simulations(port: int) -> tuple[float, float]:
    """Seconds of the first simulation that a worker is asked for, and of the second."""
    connection, seconds = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    for _ in range(2):
        begun = time.perf_counter()
        connection.request("POST", "/api/simulations", json.dumps(QUESTION), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        if answer.status != 201:
            raise AssertionError(answer.read())
        answer.read()
        seconds.append(time.perf_counter() - begun)
    return seconds[0], seconds[1]


def commit_of(folder: Path) -> str:
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def row(name: str, rounds: list[Round]) -> str:
    medians = [statistics.median(column) for column in zip(*map(astuple, rounds), strict=True)]
    cells = [
        f"{value:.0f}" if "MiB" in column else f"{value:.2f}" for column, value in zip(COLUMNS, medians, strict=True)
    ]
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", default=os.environ.get("AVS_BENCH_BESIDE"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        checkouts = {"this version": Checkout(ROOT, Path(scratch, "data"))}
        if options.beside:
            other = Path(options.beside).resolve()
            checkouts[commit_of(other)] = Checkout(other, Path(scratch, "other"))
        for checkout in checkouts.values():
            checkout.run("seed")
        rounds = [{name: checkout.measure() for name, checkout in checkouts.items()} for _ in range(options.rounds)]
    print(f"| median of {options.rounds} | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    for name in checkouts:
        print(row(name, [each[name] for each in rounds]))


if __name__ == "__main__":
    main()
