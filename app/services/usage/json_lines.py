"""JSON Lines files: one event a line, numbers kept exactly as written."""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from app.services.usage.columns import text_batch
from app.services.usage.fields import Policy
from app.services.usage.formats import BYTE_ORDER_MARK, Rows, ndjson_events
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source, TextBatch

_LINES = 10_000


def open_file(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    """Open a JSON Lines file. Lines may differ in their fields, so a missing field rejects its line alone.

    The first event that can be read decides whether the file's events have ids.
    """
    pieces = _pieces(path, plan)
    head = list(islice(pieces, 1))
    events = (event for rows in head for event in rows.values if isinstance(event, dict))
    has_ids = "event_id" in next(events, {"event_id": None}) or "event_id" in plan.mapping
    return Source(None, has_ids, _batches(chain(head, pieces), policy, has_ids=has_ids))


def _pieces(path: Path, plan: ColumnPlan) -> Iterator[Rows]:
    with path.open("rb") as file:
        first = 1
        while lines := list(islice(file, _LINES)):
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK) if first == 1 else lines[0]
            rows = ndjson_events(b"".join(lines), first)
            first += len(lines)
            yield rows if plan.is_empty else Rows(list(map(plan.apply, rows.values)), rows.numbers)


def _batches(pieces: Iterator[Rows], policy: Policy, *, has_ids: bool) -> Iterator[TextBatch]:
    for rows in pieces:
        batch, rejects = text_batch(rows, policy)
        if not has_ids:
            numbers = batch["row"].cast("string")
            batch = batch.set_column(batch.schema.get_field_index("event_id"), "event_id", numbers)
        yield batch, rejects
