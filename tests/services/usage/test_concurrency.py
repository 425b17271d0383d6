"""Several processes and threads at one store: each id once, no lock errors, readers undisturbed."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from app.services.usage.formats import Rows
from app.services.usage.importer import ImportReport, import_file
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore
from simulation.canonical import JsonObject
from tests.services.usage.conftest import POLICY, event, put, rows_of, stored
from tests.services.usage.workers import SWEPT_AT, ingest_overlapping, processes


def test_four_processes_with_overlapping_batches_store_each_event_once(store: EventStore) -> None:
    with ProcessPoolExecutor(4, mp_context=processes()) as pool:
        accepted = sum(pool.map(ingest_overlapping, [store.root] * 4, range(4)))
    rows = stored(store)
    assert len({row["event_id"] for row in rows}) == len(rows) == accepted


def test_threads_share_one_store(tmp_path: Path) -> None:
    store = EventStore(tmp_path, flush_rows=50)

    def work(seed: int) -> int:
        return sum(
            put(store, *[event(f"e{n}") for n in range(start, start + 30)]).accepted for start in range(seed, 200, 7)
        )

    with ThreadPoolExecutor(8) as pool:
        accepted = sum(pool.map(work, range(8)))
    rows = stored(store)
    assert len(rows) == len({row["event_id"] for row in rows}) == accepted
    store.close()


def test_readers_see_whole_data_while_files_are_merged_under_them(tmp_path: Path) -> None:
    store = EventStore(tmp_path, flush_rows=20)
    done = threading.Event()
    torn: list[int] = []

    def read() -> None:
        while not done.is_set():
            dataset = store.snapshot("ws_1")
            if len(rows_of(dataset.paths)) != dataset.row_count:
                torn.append(dataset.row_count)

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, 600, 10):
        put(store, *[event(f"e{n:03}") for n in range(start, start + 10)])
    done.set()
    reader.join()
    assert not torn
    assert store.snapshot("ws_1").row_count == 600
    store.close()


def test_an_import_overtaken_by_a_batch_with_its_ids_counts_them_once(store: EventStore, tmp_path: Path) -> None:
    """The batch arrives after the import has looked its ids up: once into the tail, once all the way to a file."""
    for flush, name in ((False, "tail"), (True, "file")):
        path = tmp_path / f"{name}.csv"
        lines = [",".join(map(str, event(f"{name}{n}").values())) for n in range(5)]
        path.write_text("\n".join(["event_id,ts,event_type,customer_id,segment", *lines]))
        report = _import_overtaken(store, path, [event(f"{name}{n}") for n in range(3)], flush=flush)
        assert (report.accepted, report.duplicates) == (2, 3)
    assert len({row["event_id"] for row in stored(store)}) == len(stored(store)) == 10
    assert set(store.root.glob("workspace_id=*/*/*.parquet")) >= set(store.files("ws_1"))


def test_an_import_overtaken_by_the_undoing_of_its_duplicates_counts_them(store: EventStore, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("\n".join([",".join(event("a")), ",".join(map(str, event("a").values()))]))
    store.ingest(Rows.counted([event("a")]), POLICY, Arrival("bat_1", "HTTP", SWEPT_AT))
    store.flush("ws_1")

    def go_before() -> None:
        store.undo("bat_1", SWEPT_AT)

    slow = Overtaken(store.root, go_before)
    report = import_file(slow, path, POLICY)
    slow.close()
    assert (report.accepted, report.duplicates) == (1, 0)
    assert [row["event_id"] for row in stored(store)] == ["a"]


class Overtaken(EventStore):
    """A store whose maintenance lock, when it is first asked for, lets somebody else go before."""

    def __init__(self, root: Path, go_before: Callable[[], None]) -> None:
        super().__init__(root)
        self._go_before: list[Callable[[], None]] = [go_before]

    @contextmanager
    def maintaining(self, *, wait: bool = True) -> Iterator[bool]:
        while self._go_before:
            self._go_before.pop()()
        with super().maintaining(wait=wait) as mine:
            yield mine


def _import_overtaken(store: EventStore, path: Path, batch: list[JsonObject], *, flush: bool) -> ImportReport:
    """Import with a store whose maintenance lock, when first asked for by the import, lets the batch in before it."""

    def go_before() -> None:
        put(store, *batch)
        if flush:
            store.flush("ws_1")

    slow = Overtaken(store.root, go_before)
    report = import_file(slow, path, POLICY)
    slow.close()
    return report
