"""JSON files: one event a line, or a document of many, numbers kept exactly as written."""

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.columns import text_batch
from app.services.usage.content import Content
from app.services.usage.fields import Policy
from app.services.usage.fingerprints import value_digest
from app.services.usage.formats import Rows
from app.services.usage.json_records import json_records
from app.services.usage.mapping import ColumnPlan, planned
from app.services.usage.pieces import Source, TextBatch, lacks_id, with_made_ids


def open_file(content: Content, plan: ColumnPlan, policy: Policy) -> Source:
    """Open a JSON file. Events may differ in their fields, so a missing field rejects its event alone."""
    if plan.preset:
        plan.require_fields({*plan.mapping, *(["event_id"] if plan.identity else [])}, content.path.name, policy)
    left_out: Counter[str] = Counter()
    return Source(None, _batches(json_records(content), plan, policy, left_out), left_out)


def _batches(pieces: Iterator[Rows], plan: ColumnPlan, policy: Policy, left_out: Counter[str]) -> Iterator[TextBatch]:
    for records in pieces:
        batch, rejects = text_batch(planned(records, plan, left_out), policy, left_out)
        without_id = lacks_id(batch)
        if pc.any(without_id).as_py():
            batch = with_made_ids(batch, _record_digests(records, plan, batch["row"], without_id))
        yield batch, rejects


def _record_digests(records: Rows, plan: ColumnPlan, numbers: pa.Array, without_id: pa.Array) -> pa.Array:
    """The digest of each record as it was read, where its event has no id; `numbers` are the rows of the batch."""
    constants = sorted(plan.constants.items())
    by_number = dict(zip(records.numbers, records.values, strict=True))
    rows = zip(numbers.to_pylist(), without_id.to_pylist(), strict=True)
    return pa.array(
        [value_digest([by_number[number], *constants]) if made else None for number, made in rows], pa.string()
    )
