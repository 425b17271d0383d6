"""Parquet files of usage events from elsewhere: typed columns, turned into the texts that the store keeps."""

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
from app.services.usage.fields import Policy, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.numbers import decimal_texts, float_texts
from app.services.usage.pieces import Source, TextBatch, text_batch_of_columns

_ROWS = 131_072


def open_file(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    """Raises UnreadableInput for lacking columns and unfit types, and pyarrow.ArrowInvalid for what is no Parquet."""
    file = pq.ParquetFile(path)
    targets = plan.targets(file.schema_arrow.names, path.name, policy)
    for target, column in targets.items():
        _check_type(path.name, target, column, _value_type(file.schema_arrow.field(column).type))
    return Source(file.metadata.num_rows, "event_id" in targets, _batches(path, file, targets, plan))


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
        for rows in _record_batches(path, file, sorted(set(targets.values()))):
            unfit: Problems = {}
            texts = {target: _text(target, rows[column], unfit) for target, column in targets.items()}
            yield text_batch_of_columns(range(first, first + len(rows)), texts, plan, unfit)
            first += len(rows)


def _record_batches(path: Path, file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
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
