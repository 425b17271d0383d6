"""CSV files: any usual delimiter, byte order mark, CRLF, quoted line breaks; an empty field is absent."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from app.services.usage.columns import Problems
from app.services.usage.fields import Policy, Reject, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source, TextBatch, text_batch_of_columns

_BLOCK = 16 * 2**20  # bytes
_DELIMITERS = ",;\t|"


def open_file(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    """Raises UnreadableInput for a header without the columns wanted, and pyarrow.ArrowInvalid for no header at all."""
    misfits: list[pacsv.InvalidRow] = []
    reader = _reader(path, _header(path), misfits)
    targets = plan.targets(reader.schema.names, path.name, policy)
    return Source(None, "event_id" in targets, _batches(path, reader, misfits, targets, plan))


def _header(path: Path) -> list[str]:
    """The names of the columns, which must be distinct."""
    with _reader(path, [], []) as probe:
        names = probe.schema.names
    for name in names:
        if names.count(name) > 1:
            raise UnreadableInput(f"{path.name} has two columns {name!r}: rename one")
    return names


def _reader(path: Path, columns: list[str], misfits: list[pacsv.InvalidRow]) -> pacsv.CSVStreamingReader:
    """Columns are read as bytes, so that one row that is not UTF-8 does not spoil the others.

    One thread, because only then is a row that does not fit the header reported with its number.
    """
    return pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(
            delimiter=_delimiter(path), newlines_in_values=True, invalid_row_handler=_collector(misfits)
        ),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.binary()), strings_can_be_null=True, null_values=[""]
        ),
    )


def _delimiter(path: Path) -> str:
    """The one that the header line has most of."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        return max(_DELIMITERS, key=lines.readline().count)


def _collector(misfits: list[pacsv.InvalidRow]) -> Callable[[pacsv.InvalidRow], str]:
    def collect(row: pacsv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    return collect


def _batches(
    path: Path,
    reader: pacsv.CSVStreamingReader,
    misfits: list[pacsv.InvalidRow],
    targets: dict[str, str],
    plan: ColumnPlan,
) -> Iterator[TextBatch]:
    first = 1
    with reader:
        for block in _blocks(path, reader):
            skipped = {row.number - 1 for row in misfits}  # the header is row 1 to the reader
            end = first + len(block) + len(skipped)
            numbers = (
                [number for number in range(first, end) if number not in skipped] if skipped else range(first, end)
            )
            unfit: Problems = {}
            texts = {target: _text(target, block[column], unfit) for target, column in targets.items()}
            batch, rejects = text_batch_of_columns(numbers, texts, plan, unfit)
            yield batch, rejects + [_misfit(row) for row in misfits]
            first = end
            misfits.clear()


def _blocks(path: Path, reader: pacsv.CSVStreamingReader) -> Iterator[pa.RecordBatch]:
    """Blocks, the last one empty: misfits at the end of the file belong to no other."""
    try:
        yield from reader
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{path.name} cannot be read as csv: {error}") from None
    schema = reader.schema
    yield pa.RecordBatch.from_arrays([pa.array([], field.type) for field in schema], schema=schema)


def _misfit(row: pacsv.InvalidRow) -> Reject:
    return Reject(row.number - 1, "", f"has {row.actual_columns} fields where the header has {row.expected_columns}")


def _text(target: str, column: pa.Array, unfit: Problems) -> pa.Array:
    try:
        return column.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decoded(target, *item, unfit) for item in enumerate(column.to_pylist())], pa.string())


def _decoded(target: str, position: int, value: bytes | None, unfit: Problems) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        unfit.setdefault(position, (target, f"{target} is not UTF-8"))
        return None
