"""Usage events into the store: HTTP-sized batches with time-ordered and with random ids, and imports of whole files.

    python -m benchmarks.ingest --events 1_000_000

Bodies are built beforehand; what is timed is everything from the body's bytes to the durable commit, flushes to
Parquet included: parse, validate, deduplicate, store. Needed: 60,000 events per second over HTTP on 2 cores, by import
more.
"""

import argparse
import random
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.services.usage.fields import Policy
from app.services.usage.formats import parse_body
from app.services.usage.importer import import_file
from app.services.usage.store import EventStore
from simulation.canonical import JsonObject

BATCH = 1_000
SEED = 20260115
START = datetime(2026, 1, 1)  # noqa: DTZ001  written with its Z below
POLICY = Policy("ws_1", {"llm_request": frozenset({"model", "context_tokens", "generated_tokens", "latency_s"})})


def events(count: int, *, ordered: bool) -> Iterator[JsonObject]:
    """One event every 50 ms from 2026-01-01, 500 customers, four dimensions of which three are numbers."""
    chance = random.Random(SEED)
    for number in range(count):
        unordered = uuid.UUID(int=chance.getrandbits(128), version=4)
        yield {
            "event_id": f"evt_{number:026x}" if ordered else str(unordered),
            "ts": (START + timedelta(milliseconds=50 * number)).isoformat() + "Z",
            "event_type": "llm_request",
            "customer_id": f"cust_{chance.randrange(500):04}",
            "segment": "ai_video_smb",
            "model": "large" if number % 3 else "small",
            "context_tokens": chance.randrange(8_000),
            "generated_tokens": chance.randrange(1_000),
            "latency_s": chance.randrange(30_000) / 1_000,
        }


def bodies(count: int, *, ordered: bool) -> Iterator[bytes]:
    """The events as request bodies, in batches."""
    batch = []
    for event in events(count, ordered=ordered):
        batch.append(event)
        if len(batch) == BATCH:
            yield orjson.dumps(batch)
            batch = []


def ingest(root: Path, prepared: list[bytes]) -> tuple[float, float]:
    """Seconds by the wall and of processor time for all bodies, to the last row in Parquet."""
    store = EventStore(root)
    store.ingest(parse_body(b"[]", "application/json"), POLICY)
    wall, processor = time.perf_counter(), time.process_time()
    for body in prepared:
        receipt = store.ingest(parse_body(body, "application/json"), POLICY)
        assert receipt.accepted == BATCH
    store.flush("ws_1")
    spent = time.perf_counter() - wall, time.process_time() - processor
    assert store.snapshot("ws_1").row_count == BATCH * len(prepared)
    store.close()
    return spent


def imported(root: Path, path: Path, count: int) -> tuple[float, float]:
    """Seconds by the wall and of processor time to import one file."""
    store = EventStore(root)
    wall, processor = time.perf_counter(), time.process_time()
    report = import_file(store, path, POLICY)
    spent = time.perf_counter() - wall, time.process_time() - processor
    assert (report.accepted, report.rejected) == (count, 0), report.reasons
    store.close()
    return spent


def write_csv(count: int, path: Path) -> None:
    pacsv.write_csv(_table(count), path)


def write_csv_without_ids(count: int, path: Path) -> None:
    pacsv.write_csv(_table(count).drop_columns("event_id"), path)


def write_parquet(count: int, path: Path) -> None:
    pq.write_table(_table(count), path)


def write_json_lines(count: int, path: Path) -> None:
    with path.open("wb") as file:
        file.writelines(orjson.dumps(event) + b"\n" for event in events(count, ordered=True))


def _table(count: int) -> pa.Table:
    return pa.Table.from_pylist(list(events(count, ordered=True)))


FILES: tuple[tuple[str, Callable[[int, Path], None]], ...] = (
    ("import.csv", write_csv),
    ("import_without_ids.csv", write_csv_without_ids),
    ("import.parquet", write_parquet),
    ("import.jsonl", write_json_lines),
)


def measure(count: int) -> Iterator[tuple[str, float, float]]:
    """What was done, seconds by the wall, seconds of processor time."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ingest(root / "warm-up", list(bodies(20 * BATCH, ordered=True)))
        for ordered in (True, False):
            spent = ingest(root / f"ordered-{ordered}", list(bodies(count, ordered=ordered)))
            yield f"batches of {BATCH:,}, {'time-ordered' if ordered else 'random'} ids", *spent
        for name, write in FILES:
            write(count, root / name)
            yield name.replace("_", " "), *imported(root / f"{name}-store", root / name, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000, help="rounded down to whole batches")
    count = parser.parse_args().events // BATCH * BATCH
    print(f"| {count:,} events | events/s | events/s of processor time |\n|---|---:|---:|")
    for what, wall, processor in measure(count):
        print(f"| {what} | {count / wall:,.0f} | {count / processor:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
