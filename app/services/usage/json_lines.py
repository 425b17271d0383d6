"""JSON files: one event a line, or a document of many, numbers kept exactly as written."""

from collections import Counter
from collections.abc import Iterator
from itertools import chain, islice

from app.services.usage.columns import text_batch
from app.services.usage.content import Content
from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from app.services.usage.json_records import json_records
from app.services.usage.mapping import ColumnPlan, planned
from app.services.usage.pieces import Source, TextBatch


def open_file(content: Content, plan: ColumnPlan, policy: Policy) -> Source:
    """Open a JSON file. Events may differ in their fields, so a missing field rejects its event alone.

    The first event that can be read decides whether the file's events have ids.
    """
    if plan.preset:
        plan.require_fields({*plan.mapping, *(["event_id"] if plan.identity else [])}, content.path.name, policy)
    left_out: Counter[str] = Counter()
    pieces = (planned(rows, plan, left_out) for rows in json_records(content))
    head = list(islice(pieces, 1))
    events = (event for rows in head for event in rows.values if isinstance(event, dict))
    has_ids = "event_id" in next(events, {"event_id": None}) or "event_id" in plan.mapping or bool(plan.identity)
    return Source(None, has_ids, _batches(chain(head, pieces), policy, left_out, has_ids=has_ids), left_out)


def _batches(pieces: Iterator[Rows], policy: Policy, left_out: Counter[str], *, has_ids: bool) -> Iterator[TextBatch]:
    for rows in pieces:
        batch, rejects = text_batch(rows, policy, left_out)
        if not has_ids:
            numbers = batch["row"].cast("string")
            batch = batch.set_column(batch.schema.get_field_index("event_id"), "event_id", numbers)
        yield batch, rejects
