"""Sources: what the reader of each kind of file gives to the importer, in text batches."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

from app.services.usage.columns import Problems
from app.services.usage.fields import Reject
from app.services.usage.fingerprints import row_digests
from app.services.usage.mapping import ColumnPlan, column_name
from app.services.usage.numbers import value_text
from simulation.events import BASE_FIELDS

TextBatch = tuple[pa.RecordBatch, list[Reject]]


@dataclass(frozen=True)
class Source:
    """An open file: its number of rows, None where that is not known, and its batches.

    `left_out` counts, while the batches are read, what of the file is not stored, by what it is.

    A batch with rows that have no id has a column `made_of`: the digest of the whole row where there is no id, which
    the importer makes one of. event_id holds the row's number there.
    """

    total_rows: int | None
    batches: Iterator[TextBatch]
    left_out: Counter[str] = field(default_factory=Counter)


def text_batch_of_columns(
    numbers: Sequence[int],
    texts: Mapping[str, pa.Array],
    plan: ColumnPlan,
    unfit: Problems,
    whole_rows: Mapping[str, pa.Array],
) -> TextBatch:
    """Columns by target field, with the plan's constants, as a text batch without the unfit rows.

    `whole_rows`: all columns of the file as texts, which with the plan's constants tell rows without an id apart.
    """
    rows = pa.array(numbers, pa.int64())
    absent = pa.nulls(len(rows), pa.string())
    columns = dict.fromkeys(BASE_FIELDS, absent) | {column_name(name): column for name, column in texts.items()}
    for name, value in plan.constants.items():
        columns[column_name(name)] = pc.fill_null(absent, value_text(value))
    batch = pa.RecordBatch.from_pydict({"row": rows, **columns})
    without_id = lacks_id(batch)
    if pc.any(without_id).as_py():
        batch = with_made_ids(batch, row_digests({**whole_rows, **set_for_all(plan, len(batch))}, without_id))
    if unfit:
        batch = batch.take(pa.array([position for position in range(len(rows)) if position not in unfit], pa.int64()))
    return batch, [Reject(numbers[position], *problem) for position, problem in unfit.items()]


def set_for_all(plan: ColumnPlan, rows: int) -> dict[str, pa.Array]:
    """The plan's constants as columns, under names that no column of a file has."""
    absent = pa.nulls(rows, pa.string())
    return {f"--set {name}": pc.fill_null(absent, value_text(value)) for name, value in plan.constants.items()}


def lacks_id(batch: pa.RecordBatch) -> pa.Array:
    """Which rows of a text batch have no event_id, or an empty one."""
    return pc.or_kleene(batch["event_id"].is_null(), pc.equal(batch["event_id"], "")).fill_null(True)


def with_made_ids(batch: pa.RecordBatch, made_of: pa.Array) -> pa.RecordBatch:
    """The text batch with the digests of the rows without an id in `made_of`, null where there is one."""
    ids = pc.if_else(made_of.is_valid(), batch["row"].cast(pa.string()), batch["event_id"])
    position = batch.schema.get_field_index("event_id")
    return batch.set_column(position, "event_id", ids).append_column("made_of", made_of)
