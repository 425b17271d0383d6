"""What every kind of file gives to the importer, and how columns of a file become a text batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.columns import Problems
from app.services.usage.fields import Reject
from app.services.usage.mapping import ColumnPlan, column_name
from app.services.usage.numbers import value_text
from simulation.events import BASE_FIELDS

TextBatch = tuple[pa.RecordBatch, list[Reject]]


@dataclass(frozen=True)
class Source:
    """An open file: its number of rows where that is known, whether its events have ids, and its batches.

    Where they have none, event_id holds the row's number, to be replaced.
    """

    total_rows: int | None
    has_ids: bool
    batches: Iterator[TextBatch]


def text_batch_of_columns(
    numbers: Sequence[int], texts: Mapping[str, pa.Array], plan: ColumnPlan, unfit: Problems
) -> TextBatch:
    """Columns by target field, with the plan's constants, as a text batch without the unfit rows."""
    rows = pa.array(numbers, pa.int64())
    nothing = pa.nulls(len(rows), pa.string())
    columns = dict.fromkeys(BASE_FIELDS, nothing) | {column_name(name): column for name, column in texts.items()}
    for name, value in plan.constants.items():
        columns[column_name(name)] = pc.fill_null(nothing, value_text(value))
    if "event_id" not in texts:
        columns["event_id"] = rows.cast(pa.string())
    batch = pa.RecordBatch.from_pydict({"row": rows, **columns})
    if unfit:
        batch = batch.take(pa.array([position for position in range(len(rows)) if position not in unfit], pa.int64()))
    return batch, [Reject(numbers[position], *why) for position, why in unfit.items()]
