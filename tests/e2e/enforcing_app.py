"""An app that enforces: threads that check, record and report without pause until a file named `stop` appears.

Run as a module, with the client library on the path. What it saw goes to `seen.jsonl` in its folder, a line whenever a
thread is given another document to decide by; when it stops, it sends what waits and prints what it found.
"""

import json
import sys
import threading
import time
from itertools import count
from pathlib import Path
from typing import Any

from avs_brain_client import AvsError, Client

UNIT = "vu_hd_minute"
THREADS = 2
PAUSE_SECONDS = 0.02
SENT_WITHIN_SECONDS = 60
Seen = tuple[str | None, str | None, int | None]
"""The version that decided, the version that the client holds, and the sequence of its document."""


class App:
    """`raised` are the exceptions that calls gave; `longest` the seconds of the longest that was not mere waiting
    for a processor.
    """

    def __init__(self, name: str, folder: Path, client: Client) -> None:
        self.name, self.folder, self.client = name, folder, client
        self.raised: list[str] = []
        self.longest = 0.0
        self.checks = 0
        self._lock = threading.Lock()

    def run(self) -> None:
        threads = [threading.Thread(target=self._work, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, thread: int) -> None:
        seen: Seen | None = None
        for number in count():
            if (self.folder / "stop").exists():
                return
            customer = f"{self.name}_{thread}_{number // 8}"
            try:
                seen = self._once(thread, customer, number, seen)
            except Exception as problem:
                self.raised.append(repr(problem))
            time.sleep(PAUSE_SECONDS)

    def _once(self, thread: int, customer: str, number: int, seen: Seen | None) -> Seen:
        began = _without_waiting()
        decision = self.client.check(customer, UNIT, 1)
        took = _without_waiting() - began
        status = self.client.status
        now = (decision.config_version_id, status.config_version_id, status.sequence)
        with self._lock:
            self.checks += 1
            self.longest = max(self.longest, took)
            if now != seen:
                self._note(thread, decision.config_version_id, status.sequence)
        self.client.record(customer, UNIT, 50, event_id=f"{customer}_{number}")
        if number % 10 == 0:
            self.client.quality_failed(customer, UNIT, "csat", 2)
        return now

    def _note(self, thread: int, config_version_id: str | None, sequence: int | None) -> None:
        line = {"at": time.time(), "thread": thread, "config_version_id": config_version_id, "sequence": sequence}
        with (self.folder / "seen.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def send_all(self) -> int:
        """How many events still wait after trying for long enough."""
        ends = time.monotonic() + SENT_WITHIN_SECONDS
        while self.client.status.events_waiting and time.monotonic() < ends:
            try:
                self.client.flush()
            except AvsError:
                time.sleep(0.2)
        waiting: int = self.client.status.events_waiting
        return waiting


def _without_waiting() -> float:
    """Seconds on the clock, less those in which this thread could run and no processor was free."""
    waited = int(Path("/proc/thread-self/schedstat").read_text().split()[1])
    return time.monotonic() - waited / 1e9


def main() -> None:
    given = json.loads(sys.argv[1])
    folder = Path(given["directory"])
    options: Any = {"directory": folder, "mode": given["mode"], "poll_seconds": 0.2, "flush_seconds": 0.2}
    with Client(given["base_url"], **options, **given["subject"]) as client:
        client.wait_until_loaded(30)
        app = App(given["mode"], folder, client)
        app.run()
        waiting = app.send_all()
        found = {"raised": app.raised, "longest": app.longest, "checks": app.checks, "waiting": waiting}
        print(json.dumps(found | {"refused": client.status.events_refused}))


if __name__ == "__main__":
    main()
