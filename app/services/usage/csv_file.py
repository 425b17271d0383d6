"""CSV files with any usual delimiter, byte order mark, line ends or quoted line breaks; an empty field is absent.

Arrow reads the columns of most files. A file whose quotes do not pair, or that has a blank behind each delimiter, is
read row by row (`csv_rows.py`), so that a bad row spoils only itself.
"""

import codecs
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import count, islice

import pyarrow as pa
import pyarrow.csv as pacsv

from app.services.usage.columns import Problems
from app.services.usage.content import Content
from app.services.usage.csv_layout import Layout, layout
from app.services.usage.csv_rows import lenient_blocks
from app.services.usage.decimal_sign import read_texts
from app.services.usage.fields import Policy, Reject, UnreadableInput
from app.services.usage.mapping import ColumnPlan
from app.services.usage.pieces import Source, TextBatch, text_batch_of_columns
from app.services.usage.tables import text_batch_of_records

_BLOCK = 16 * 2**20  # bytes


def open_file(content: Content, plan: ColumnPlan, policy: Policy) -> Source:
    """Open a CSV file. Raises UnreadableInput without a header, or for one that lacks columns of the plan."""
    found = layout(content, [*plan.mapping.values()])
    plan = plan.for_columns(found.columns, content.path.name, policy)
    targets = plan.targets(found.columns, policy)
    left_out: Counter[str] = Counter()
    if found.preamble:
        left_out["lines before the header"] = found.preamble
    reader = _Reader(content, found, plan, policy, left_out)
    return Source(None, reader.batches(targets) if found.has_rows else iter(()), left_out)


def _whole(block: pa.RecordBatch) -> dict[str, pa.Array]:
    """All columns of a block, as they are read."""
    names = enumerate(block.schema.names)
    return {name if name.strip() else f" {place}": block.column(place) for place, name in names}


class _Reader:
    """The batches of one file."""

    def __init__(
        self, content: Content, found: Layout, plan: ColumnPlan, policy: Policy, left_out: Counter[str]
    ) -> None:
        self._content, self._layout = content, found
        self._plan, self._policy, self._left_out = plan, policy, left_out

    def batches(self, targets: dict[str, str]) -> Iterator[TextBatch]:
        """Blocks with their misfits, as text batches."""
        is_utf8, has_pairs = _survey(self._content)
        for numbers, block, rejects in self._numbered(is_utf8=is_utf8, has_pairs=has_pairs):
            unfit: Problems = {}
            if self._plan.needs_records(self._layout.columns):
                columns = {name: block[name] for name in filter(str.strip, self._layout.columns)}
                columns = columns if is_utf8 else _all_restored(columns, unfit)
                batch, unread = text_batch_of_records(
                    numbers, columns, self._plan, self._policy, unfit, self._left_out, _whole(block)
                )
            else:
                self._count_left_out(block)
                texts = {target: block[column] for target, column in targets.items()}
                texts = texts if is_utf8 else _all_restored(texts, unfit)
                sign = self._plan.decimal
                texts = {target: read_texts(target, column, sign, unfit) for target, column in texts.items()}
                batch, unread = text_batch_of_columns(numbers, texts, self._plan, unfit, _whole(block))
            yield batch, unread + rejects

    def _count_left_out(self, block: pa.RecordBatch) -> None:
        for column in self._plan.left_out(self._layout.columns):
            if values := len(block) - block[column].null_count:
                self._left_out[column] += values

    def _numbered(
        self, *, is_utf8: bool, has_pairs: bool
    ) -> Iterator[tuple[Sequence[int], pa.RecordBatch, list[Reject]]]:
        """Blocks, the number of each of their rows, and the rejects of rows that do not fit the header."""
        if self._layout.is_spaced or not has_pairs:
            yield from lenient_blocks(self._content, self._layout, is_utf8=is_utf8)
            return
        first = 1
        misfits: list[pacsv.InvalidRow] = []  # of this block, and of some after it: the reader runs ahead
        for block in self._blocks(misfits, is_utf8=is_utf8):
            numbers = _row_numbers(first, len(block), {_row(misfit) for misfit in misfits})
            first = numbers[-1] + 1 if numbers else first
            reached = [misfit for misfit in misfits if _row(misfit) < first or not len(block)]
            del misfits[: len(reached)]
            yield numbers, block, list(map(_reject, reached))

    def _blocks(self, misfits: list[pacsv.InvalidRow], *, is_utf8: bool) -> Iterator[pa.RecordBatch]:
        """Blocks of text columns; the last one is empty and collects the misfits at the end of the file.

        A file that is not UTF-8 is read as Latin-1, which accepts any byte, and `_restored` examines it value by value.
        One thread reads, because only then are rows that do not fit the header reported with their numbers.
        """
        with self._content.open() as file:
            for _ in range(self._layout.lines_before):
                file.readline()
            try:
                reader = pacsv.open_csv(
                    file,
                    pacsv.ReadOptions(use_threads=False, block_size=_BLOCK, encoding="utf8" if is_utf8 else "latin-1"),
                    pacsv.ParseOptions(
                        delimiter=self._layout.delimiter,
                        newlines_in_values=True,
                        invalid_row_handler=_collector(misfits),
                    ),
                    pacsv.ConvertOptions(default_column_type=pa.string(), strings_can_be_null=True, null_values=[""]),
                )
                yield from reader
            except pa.ArrowInvalid as error:
                raise UnreadableInput(f"{self._content.path.name} cannot be read as csv: {error}") from None
        yield pa.RecordBatch.from_arrays([pa.array([], field.type) for field in reader.schema], schema=reader.schema)


def _row_numbers(first: int, length: int, skipped: set[int]) -> Sequence[int]:
    if not skipped:
        return range(first, first + length)
    return list(islice((number for number in count(first) if number not in skipped), length))


def _survey(content: Content) -> tuple[bool, bool]:
    """Whether the whole file is UTF-8, and whether its quotes pair; if so, everything after this pass is faster."""
    decoder, is_utf8, quotes = codecs.getincrementaldecoder("utf-8")(), True, 0
    with content.open() as file:
        while piece := file.read(_BLOCK):
            quotes += piece.count(b'"')
            try:
                decoder.decode(piece) if is_utf8 else None
            except UnicodeDecodeError:
                is_utf8 = False
        try:
            decoder.decode(b"", final=True) if is_utf8 else None
        except UnicodeDecodeError:
            is_utf8 = False
    return is_utf8, quotes % 2 == 0


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


def _all_restored(columns: dict[str, pa.Array], unfit: Problems) -> dict[str, pa.Array]:
    """The UTF-8 texts of columns that were read as Latin-1."""
    return {name: _restored(name, column, unfit) for name, column in columns.items()}


def _restored(target: str, column: pa.Array, unfit: Problems) -> pa.Array:
    return pa.array([_decoded(target, *item, unfit) for item in enumerate(column.to_pylist())], pa.string())


def _decoded(target: str, position: int, value: str | None, unfit: Problems) -> str | None:
    try:
        return None if value is None else value.encode("latin-1").decode()
    except UnicodeDecodeError:
        unfit.setdefault(position, (target, f"{target} is not UTF-8: name the file's encoding, such as cp1252"))
        return None
