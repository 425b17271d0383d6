"""POST /api/usage-events in batches of 1,000 with deduplication on: server and senders share the machine's cores.

Batches are encoded before the clock starts. A tenth of the batches is sent twice, as retrying clients do; the run ends
with a check that each event counted once. Needed: 60,000 events per second on 2 cores.
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.runtime_endpoint import PRODUCT, served
from simulation.canonical import JsonObject

BATCH = 1_000
SENDERS = 2
START = datetime(2026, 1, 1, tzinfo=UTC)


def batch(number: int) -> bytes:
    """1,000 events with time-ordered ids."""
    first = number * BATCH
    return json.dumps(
        [
            {
                "event_id": f"evt_{index + BATCH:012}",
                "ts": (START + timedelta(milliseconds=50 * index)).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "event_type": "video_render_completed",
                "workspace_id": "ws_1049",
                "customer_id": "cust_2001",
                "segment": "ai_video_smb",
                "resolution": "HD",
                "render_mode": "production",
                "output_minutes": index % 97 / 4,
            }
            for index in range(first, first + BATCH)
        ]
    ).encode()


def send(port: int, batches: list[bytes], totals: list[JsonObject]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    for body in batches:
        connection.request("POST", "/api/usage-events", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 202:
            raise AssertionError(content)
        totals.append(json.loads(content))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=500)
    count = parser.parse_args().batches
    batches = [batch(number) for number in range(count)]
    sent = batches + batches[::10]
    with tempfile.TemporaryDirectory() as name:
        data_dir = Path(name) / "data"
        environment = {**os.environ, "AVS_DATA_DIR": str(data_dir)}
        avs = str(Path(sys.executable).with_name("avs"))
        subprocess.run([avs, "seed"], check=True, env=environment, capture_output=True)
        totals: list[JsonObject] = []
        with served(PRODUCT, Path(name), data_dir) as port:
            send(port, [batch(-1)], [])  # warm
            shares = [sent[index::SENDERS] for index in range(SENDERS)]
            threads = [threading.Thread(target=send, args=(port, share, totals)) for share in shares]
            started = time.perf_counter()
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            elapsed = time.perf_counter() - started
    accepted, duplicates = (sum(total[key] for total in totals) for key in ("accepted", "duplicates"))
    if (accepted, duplicates) != (count * BATCH, (len(sent) - count) * BATCH):
        raise AssertionError(f"accepted {accepted}, duplicates {duplicates}")
    print("| batches of 1,000 | events sent per second |\n|---|---:|")
    print(f"| {len(sent):,} batches, one server worker, {SENDERS} senders | {len(sent) * BATCH / elapsed:,.0f} |")


if __name__ == "__main__":
    main()
