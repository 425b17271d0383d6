"""CSV files with any usual delimiter, byte order mark, CRLF or quoted line breaks; an empty field is absent."""

import codecs
import csv
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from app.services.usage.columns import Problems
from app.services.usage.fields import Policy, Reject, UnreadableInput
from app.services.usage.formats import BYTE_ORDER_MARK
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source, TextBatch, text_batch_of_columns

_BLOCK = 16 * 2**20  # bytes
_DELIMITERS = ",;\t|"


def open_file(path: Path, plan: ColumnPlan, policy: Policy) -> Source:
    """Open a CSV file. Raises UnreadableInput without a header, or for one that lacks columns of the plan."""
    delimiter, columns, has_rows = _header(path)
    targets = plan.targets(columns, path.name, policy)
    batches = _batches(path, delimiter, targets, plan) if has_rows else iter(())
    return Source(None, "event_id" in targets, batches)


def _header(path: Path) -> tuple[str, list[str], bool]:
    """The delimiter, the names of the columns, and whether anything follows them."""
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as lines:
        delimiter = max(_DELIMITERS, key=lines.readline().count)  # the one that the first line has most of
        lines.seek(0)
        try:
            names = next(filter(None, csv.reader(lines, delimiter=delimiter)), [])
            "".join(names).encode()
        except (csv.Error, UnicodeEncodeError):
            raise UnreadableInput(f"{path.name} is no CSV in UTF-8: its first line must name the columns") from None
        has_rows = bool(lines.read(1))
    if not names:
        raise UnreadableInput(f"{path.name} is empty: its first line must name the columns")
    for name in names:
        if names.count(name) > 1:
            raise UnreadableInput(f"{path.name} has two columns {name!r}: rename one")
    return delimiter, names, has_rows


def _batches(path: Path, delimiter: str, targets: dict[str, str], plan: ColumnPlan) -> Iterator[TextBatch]:
    first, is_utf8 = 1, _is_utf8(path)
    misfits: list[pacsv.InvalidRow] = []  # of this block, and of some after it: the reader runs ahead
    for block in _blocks(path, delimiter, misfits, is_utf8=is_utf8):
        numbers = _row_numbers(first, len(block), {_row(misfit) for misfit in misfits})
        unfit: Problems = {}
        texts = {target: block[column] for target, column in targets.items()}
        if not is_utf8:
            texts = {target: _restored(target, column, unfit) for target, column in texts.items()}
        batch, rejects = text_batch_of_columns(numbers, texts, plan, unfit)
        first = numbers[-1] + 1 if numbers else first
        reached = [misfit for misfit in misfits if _row(misfit) < first or not len(block)]
        del misfits[: len(reached)]
        yield batch, rejects + list(map(_reject, reached))


def _row_numbers(first: int, length: int, skipped: set[int]) -> Sequence[int]:
    if not skipped:
        return range(first, first + length)
    return list(islice((number for number in count(first) if number not in skipped), length))


def _is_utf8(path: Path) -> bool:
    """Whether the whole file is UTF-8; if it is, everything after this quick pass is faster."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while piece := file.read(_BLOCK):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _blocks(path: Path, delimiter: str, misfits: list[pacsv.InvalidRow], *, is_utf8: bool) -> Iterator[pa.RecordBatch]:
    """Blocks of text columns; the last one is empty and collects the misfits at the end of the file.

    A file that is not UTF-8 is read as Latin-1, which accepts any byte, and `_restored` examines it value by value. One
    thread reads, because only then are rows that do not fit the header reported with their numbers.
    """
    with path.open("rb") as file:
        file.seek(len(BYTE_ORDER_MARK) if file.read(3) == BYTE_ORDER_MARK else 0)
        try:
            reader = pacsv.open_csv(
                file,
                pacsv.ReadOptions(use_threads=False, block_size=_BLOCK, encoding="utf8" if is_utf8 else "latin-1"),
                pacsv.ParseOptions(
                    delimiter=delimiter, newlines_in_values=True, invalid_row_handler=_collector(misfits)
                ),
                pacsv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]),
            )
            yield from reader
        except pa.ArrowInvalid as error:
            raise UnreadableInput(f"{path.name} cannot be read as csv: {error}") from None
    yield pa.RecordBatch.from_arrays([pa.array([], field.type) for field in reader.schema], schema=reader.schema)


def _collector(misfits: list[pacsv.InvalidRow]) -> Callable[[pacsv.InvalidRow], str]:
    def collect(row: pacsv.InvalidRow) -> str:
        misfits.append(row)
        return "skip"

    return collect


def _row(misfit: pacsv.InvalidRow) -> int:
    number: int = misfit.number
    return number - 1  # the reader counts the header as row 1


def _reject(misfit: pacsv.InvalidRow) -> Reject:
    fields = f"has {misfit.actual_columns} fields where the header has {misfit.expected_columns}"
    return Reject(_row(misfit), "", fields)


def _restored(target: str, column: pa.Array, unfit: Problems) -> pa.Array:
    """The UTF-8 texts of a column that was read as Latin-1."""
    return pa.array([_decoded(target, *item, unfit) for item in enumerate(column.to_pylist())], pa.string())


def _decoded(target: str, position: int, value: str | None, unfit: Problems) -> str | None:
    try:
        return None if value is None else value.encode("latin-1").decode()
    except UnicodeDecodeError:
        unfit.setdefault(position, (target, f"{target} is not UTF-8"))
        return None
