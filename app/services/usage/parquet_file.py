"""Parquet files of usage events from elsewhere: typed columns, turned into the texts that the store keeps."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from app.services.usage.columns import Problems
from app.services.usage.content import Content
from app.services.usage.decimal_sign import read_texts
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.numbers import decimal_texts, float_texts
from app.services.usage.pieces import Source, TextBatch, text_batch_of_columns
from app.services.usage.tables import text_batch_of_records
from simulation.events import BASE_FIELDS

_ROWS = 131_072


def open_file(content: Content, plan: ColumnPlan, policy: Policy) -> Source:
    """Raises UnreadableInput for lacking columns and unfit types, and pyarrow.ArrowInvalid for what is no Parquet."""
    path, file = content.path, pq.ParquetFile(content.path)
    columns = [field.name for field in file.schema_arrow]
    plan = plan.for_columns(columns, path.name, policy)
    targets, left_out = plan.targets(columns, policy), Counter[str]()
    if plan.needs_records(columns):
        batches = _batches_of_records(path, file, plan, policy, left_out)
        return Source(file.metadata.num_rows, batches, left_out)
    nested = [
        column
        for target, column in targets.items()
        if target not in (*BASE_FIELDS, *policy.known_dimensions, *plan.mapping)
        and _is_nested(file.schema_arrow.field(column).type)
    ]
    for column in [*nested, *plan.left_out(columns)]:
        left_out[column] = file.metadata.num_rows
    targets = {target: column for target, column in targets.items() if column not in nested}
    for target, column in targets.items():
        _check_type(path.name, target, column, _value_type(file.schema_arrow.field(column).type))
    batches = _batches(path, file, targets, plan)
    return Source(file.metadata.num_rows, batches, left_out)


def _batches_of_records(
    path: Path, file: pq.ParquetFile, plan: ColumnPlan, policy: Policy, left_out: Counter[str]
) -> Iterator[TextBatch]:
    first = 1
    with file:
        for rows in _record_batches(path, file, None):
            unfit: Problems = {}
            numbers = range(first, first + len(rows))
            columns = {name: _for_record(name, rows[name], unfit) for name in rows.schema.names}
            whole_rows = {name: _as_read(rows[name]) for name in rows.schema.names}
            yield text_batch_of_records(numbers, columns, plan, policy, unfit, left_out, whole_rows)
            first += len(rows)


def _for_record(name: str, column: pa.Array, unfit: Problems) -> pa.Array:
    return column if _is_nested(column.type) else _text(name, column, unfit)


def _is_nested(kind: pa.DataType) -> bool:
    return bool(pa.types.is_nested(kind))


def head(path: Path, count: int) -> tuple[list[str], Iterable[tuple[Any, ...]], bytes]:
    """The columns, the first rows, and a file of them alone; UnreadableInput for what is no Parquet."""
    with _readable(), pq.ParquetFile(path) as file:
        table = pa.Table.from_batches(islice(file.iter_batches(count), 1), file.schema_arrow)
    copied = BytesIO()
    pq.write_table(table, copied)
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return table.column_names, rows, copied.getvalue()


def count_rows(path: Path) -> int:
    """The number of rows, which the file says itself; UnreadableInput for what is no Parquet."""
    with _readable():
        return int(pq.read_metadata(path).num_rows)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInput(f"cannot be read as parquet: {error}") from None


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _check_type(file: str, target: str, column: str, kind: pa.DataType) -> None:
    is_text = _is_text(kind)
    if target == "ts":
        if not (is_text or pa.types.is_timestamp(kind)):
            raise UnreadableInput(f"{file}: column {column!r} is {kind}; ts needs timestamps or text")
    elif not (is_text or _is_number(kind) or pa.types.is_boolean(kind) or pa.types.is_temporal(kind)):
        raise UnreadableInput(f"{file}: column {column!r} is {kind}; only texts, numbers, booleans and times are read")


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_null)
    return any(check(kind) for check in checks)


def _is_number(kind: pa.DataType) -> bool:
    checks = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(check(kind) for check in checks)


def _batches(path: Path, file: pq.ParquetFile, targets: dict[str, str], plan: ColumnPlan) -> Iterator[TextBatch]:
    first = 1
    with file:
        every_row_has_id = _every_row_has(file, targets.get("event_id"))
        columns = sorted(set(targets.values())) if every_row_has_id else file.schema_arrow.names
        for rows in _record_batches(path, file, columns):
            unfit: Problems = {}
            texts = {target: _text(target, rows[column], unfit) for target, column in targets.items()}
            for target, column in targets.items():
                if _is_text(_value_type(rows[column].type)):
                    texts[target] = read_texts(target, texts[target], plan.decimal, unfit)
            whole_rows = {} if every_row_has_id else {name: _as_read(rows[name]) for name in columns}
            yield text_batch_of_columns(range(first, first + len(rows)), texts, plan, unfit, whole_rows)
            first += len(rows)


def _every_row_has(file: pq.ParquetFile, column: str | None) -> bool:
    """Whether the file itself says that no row lacks this column, and that it is never empty."""
    if column is None:
        return False
    position = file.schema_arrow.names.index(column)
    if position >= file.metadata.num_columns or file.metadata.num_columns != len(file.schema_arrow.names):
        return False  # nested columns shift the positions
    groups = (file.metadata.row_group(number).column(position) for number in range(file.metadata.num_row_groups))
    statistics = [group.statistics for group in groups]
    return all(
        found is not None and found.has_null_count and found.null_count == 0 and found.has_min_max and found.min != ""
        for found in statistics
    )


def _as_read(column: pa.Array) -> pa.Array:
    """The texts of a column, to tell whole rows apart; one that Arrow cannot write as text goes by its values."""
    column = column.cast(_value_type(column.type))
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.int64()).cast(pa.string())
    try:
        return column.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array([None if value is None else repr(value) for value in column.to_pylist()], pa.string())


def _record_batches(path: Path, file: pq.ParquetFile, columns: list[str] | None) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(batch_size=_ROWS, columns=columns)
    except (pa.ArrowInvalid, OSError) as error:
        raise UnreadableInput(f"{path.name} cannot be read as parquet: {error}") from None


def _text(target: str, column: pa.Array, unfit: Problems) -> pa.Array:
    """The texts of a column; timestamps for `ts` stay timestamps, because they are exact already."""
    column = column.cast(_value_type(column.type))
    kind = column.type
    if target == "ts" and pa.types.is_timestamp(kind):
        return column
    if pa.types.is_decimal(kind):
        return decimal_texts(column)
    if pa.types.is_floating(kind):
        return float_texts(_finite(target, column, unfit))
    return column.cast(pa.string())


def _finite(target: str, column: pa.Array, unfit: Problems) -> pa.Array:
    finite = pc.is_finite(column)
    for position in pc.indices_nonzero(pc.invert(finite).fill_null(False)).to_pylist():
        unfit.setdefault(position, (target, f"{target} must be a finite number"))
    return pc.if_else(finite, column, pa.scalar(None, column.type))
