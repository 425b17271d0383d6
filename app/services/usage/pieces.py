"""Sources: what the reader of each kind of file gives to the importer, in text batches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

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
    """An open file: its number of rows, None where that is not known, whether its events have ids, and its batches.

    `left_out` counts, while the batches are read, what of the file is not stored, by what it is.

    Where events have no ids, event_id holds the row's number, and the importer replaces it.
    """

    total_rows: int | None
    has_ids: bool
    batches: Iterator[TextBatch]
    left_out: Counter[str] = field(default_factory=Counter)


def text_batch_of_columns(
    numbers: Sequence[int], texts: Mapping[str, pa.Array], plan: ColumnPlan, unfit: Problems
) -> TextBatch:
    """Columns by target field, with the plan's constants, as a text batch without the unfit rows."""
    rows = pa.array(numbers, pa.int64())
    absent = pa.nulls(len(rows), pa.string())
    columns = dict.fromkeys(BASE_FIELDS, absent) | {column_name(name): column for name, column in texts.items()}
    for name, value in plan.constants.items():
        columns[column_name(name)] = pc.fill_null(absent, value_text(value))
    if "event_id" not in texts:
        columns["event_id"] = rows.cast(pa.string())
    batch = pa.RecordBatch.from_pydict({"row": rows, **columns})
    if unfit:
        batch = batch.take(pa.array([position for position in range(len(rows)) if position not in unfit], pa.int64()))
    return batch, [Reject(numbers[position], *problem) for position, problem in unfit.items()]
