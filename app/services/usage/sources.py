"""Files → text batches: CSV, JSON Lines and Parquet, read a piece at a time, each row with its number.

Rows are numbered from 1: the line in JSON Lines, the data row in CSV (header and blank lines not counted) and Parquet.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from app.services.usage.columns import text_batch
from app.services.usage.fields import BASE_FIELDS, Policy, Reject, UnreadableInput, UnsupportedFormat
from app.services.usage.formats import Rows, ndjson_events
from app.services.usage.mapping import ColumnPlan, column_name
from app.services.usage.numbers import value_text
from app.services.usage.parquet_texts import as_texts

_BLOCK = 16 * 2**20  # bytes of CSV
_ROWS = 131_072
_LINES = 10_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True)
class Source:
    """What a file gives: its number of rows where that is known, whether its events have ids, and its batches.

    Where they have none, the batches' event_id is empty text-to-be-replaced: the row number.
    """

    total_rows: int | None
    has_ids: bool
    batches: Iterator[tuple[pa.RecordBatch, list[Reject]]]


def open_source(path: Path, plan: ColumnPlan, policy: Policy, file_format: str | None = None) -> Source:
    """Open a file by its format, or by its suffix.

    Raises UnsupportedFormat, and UnreadableInput (here or while reading) when the file as a whole is unfit.
    """
    file_format = file_format or _SUFFIXES.get(path.suffix.lower())
    if file_format not in _OPENERS:
        raise UnsupportedFormat(f"{path.name}: format must be one of {', '.join(_OPENERS)}; name it, or use its suffix")
    if not path.is_file():
        raise UnreadableInput(f"{path.name}: no such file")
    try:
        return _OPENERS[file_format](path, plan, policy)
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{path.name} cannot be read as {file_format}: {error}") from None


def _open_csv(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    misfits: list[tuple[int, str]] = []
    reader = pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False, block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(
            delimiter=_delimiter(path), newlines_in_values=True, invalid_row_handler=_collect(misfits)
        ),
        convert_options=_all_binary(_csv_columns(path)),
    )
    targets = plan.targets(reader.schema.names, path.name, policy)
    pieces = _numbered_csv(path, reader, misfits)
    return Source(None, "event_id" in targets, _from_columns(pieces, targets, plan))


def _csv_columns(path: Path) -> list[str]:
    """The header; its names must be distinct."""
    with pacsv.open_csv(path, parse_options=pacsv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True)) as probe:
        names = probe.schema.names
    for name in names:
        if names.count(name) > 1:
            raise UnreadableInput(f"{path.name} has two columns {name!r}")
    return names


def _delimiter(path: Path) -> str:
    """The likeliest of the usual ones, by the header line."""
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline()
    return max(_DELIMITERS, key=header.count)


def _all_binary(columns: list[str]) -> pacsv.ConvertOptions:
    """Bytes, so that one row that is not UTF-8 does not spoil the others; an empty field is absent."""
    return pacsv.ConvertOptions(
        column_types=dict.fromkeys(columns, pa.binary()), strings_can_be_null=True, null_values=[""]
    )


def _collect(misfits: list[tuple[int, str]]) -> Callable[[pacsv.InvalidRow], str]:
    def handle(row: pacsv.InvalidRow) -> str:
        misfits.append((row.number - 1, f"has {row.actual_columns} fields where the header has {row.expected_columns}"))
        return "skip"

    return handle


def _numbered_csv(path: Path, reader: pacsv.CSVStreamingReader, misfits: list[tuple[int, str]]) -> Iterator[tuple]:
    """Each block with its row numbers, which go round the rows that did not fit the header."""
    last = 0
    with reader:
        while (block := _next_block(path, reader)) is not None or misfits:
            length = 0 if block is None else len(block)
            skipped = {number for number, _ in misfits}
            numbers = list(islice((n for n in range(last + 1, last + 1 + length + len(skipped)) if n not in skipped), length))
            last = max([last, *numbers, *skipped])
            rejects = [Reject(number, "", reason) for number, reason in misfits]
            misfits.clear()
            yield numbers, {} if block is None else dict(zip(block.schema.names, block.columns, strict=True)), rejects


def _next_block(path: Path, reader: pacsv.CSVStreamingReader) -> pa.RecordBatch | None:
    try:
        return reader.read_next_batch()
    except StopIteration:
        return None
    except pa.ArrowInvalid as error:
        raise UnreadableInput(f"{path.name} cannot be read as csv: {error}") from None


def _open_parquet(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    file = pq.ParquetFile(path)
    targets = plan.targets(file.schema_arrow.names, path.name, policy)
    pieces = _numbered_parquet(path, file, sorted(set(targets.values())))
    return Source(file.metadata.num_rows, "event_id" in targets, _from_columns(pieces, targets, plan))


def _numbered_parquet(path: Path, file: pq.ParquetFile, columns: list[str]) -> Iterator[tuple]:
    first = 1
    with file:
        try:
            for batch in file.iter_batches(batch_size=_ROWS, columns=columns):
                numbers = range(first, first + len(batch))
                first += len(batch)
                yield numbers, dict(zip(batch.schema.names, batch.columns, strict=True)), []
        except (pa.ArrowInvalid, OSError) as error:
            raise UnreadableInput(f"{path.name} cannot be read as parquet: {error}") from None


def _from_columns(pieces: Iterator[tuple], targets: dict[str, str], plan: ColumnPlan) -> Iterator[tuple]:
    """Carry out the plan on pieces of (row numbers, source columns, rejects)."""
    for numbers, columns, rejects in pieces:
        if not columns:
            yield _batch(numbers, {}, plan), rejects
            continue
        unfit: dict[int, tuple[str, str]] = {}
        texts = {target: as_texts(target, column, columns[column], unfit) for target, column in targets.items()}
        batch = _batch(numbers, texts, plan)
        rejects += [Reject(numbers[position], *why) for position, why in unfit.items()]
        if unfit:
            batch = batch.take(pa.array([n for n in range(len(batch)) if n not in unfit], pa.int64()))
        yield batch, rejects


def _batch(numbers: list[int], texts: dict[str, pa.Array], plan: ColumnPlan) -> pa.RecordBatch:
    rows = pa.array(numbers, pa.int64())
    nothing = pa.nulls(len(rows), pa.string())
    columns = {name: nothing for name in BASE_FIELDS} | {column_name(name): column for name, column in texts.items()}
    for name, value in plan.constants.items():
        columns[column_name(name)] = pc.fill_null(nothing, value_text(value))
    if "event_id" not in texts:
        columns["event_id"] = rows.cast(pa.string())
    return pa.RecordBatch.from_pydict({"row": rows, **columns})


def _open_json_lines(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    """Whether the events have ids is told by the first that can be read."""
    pieces = _line_pieces(path, plan)
    first = next(pieces, None)
    sample = next((value for value in first.values if isinstance(value, dict)), {}) if first else {}
    has_ids = not first or "event_id" in sample or "event_id" in plan.mapping
    return Source(None, has_ids, _from_events(first, pieces, policy, has_ids=has_ids))


def _line_pieces(path: Path, plan: ColumnPlan) -> Iterator[Rows]:
    with path.open("rb") as file:
        file.seek(3 if file.read(3) == b"\xef\xbb\xbf" else 0)
        first = 1
        while lines := list(islice(file, _LINES)):
            rows = ndjson_events(b"".join(lines), first)
            first += len(lines)
            yield rows if plan.is_empty else Rows(list(map(plan.apply, rows.values)), rows.numbers)


def _from_events(first: Rows | None, rest: Iterator[Rows], policy: Policy, *, has_ids: bool) -> Iterator[tuple]:
    for rows in (*([first] if first else []), *rest) if False else _chain(first, rest):
        batch, rejects = text_batch(rows, policy)
        if not has_ids:
            batch = batch.set_column(batch.schema.get_field_index("event_id"), "event_id", batch["row"].cast(pa.string()))
        yield batch, rejects


def _chain(first: Rows | None, rest: Iterator[Rows]) -> Iterator[Rows]:
    if first is not None:
        yield first
        yield from rest


_OPENERS = {"csv": _open_csv, "jsonl": _open_json_lines, "parquet": _open_parquet}
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
FILE_FORMATS = tuple(_OPENERS)
