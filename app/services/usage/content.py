"""The recogniser of files of usage events: format, encoding and packing, told by the bytes and never by the name.

    parquet   starts with PAR1
    json      starts with `[`, or with `{` whose first line is no value of its own: a document, pretty-printed or long
    jsonl     starts with `{`, one value a line
    csv       everything else that is text, whatever its delimiter (`tsv`: the delimiter is a tab)

Each may be packed with gzip; text may be UTF-8 or UTF-16 by its marks, or in an encoding that somebody names.
"""

import codecs
import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

import orjson

from app.services.usage.fields import UnreadableInput, UnsupportedFormat
from app.sizes import MAX_LINE_BYTES, MAX_UNPACKED_BODY_BYTES, MAX_UNPACKED_FILE_BYTES, MAX_UNPACKED_RATIO

BYTE_ORDER_MARK = codecs.BOM_UTF8
FILE_FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
ENCODINGS = ("utf-8", "utf-16", "cp1252", "latin-1")
GZIP = b"\x1f\x8b"
_PIECE = 2**18  # bytes
_LINE_SUFFIXES = (".jsonl", ".ndjson", ".json")
_FOREIGN = {
    b"PK\x03\x04": "a spreadsheet or a zip archive",
    b"\xd0\xcf\x11\xe0": "a spreadsheet",
    b"%PDF": "a PDF",
    b"BZh": "packed with bzip2",
    b"\xfd7zXZ": "packed with xz",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"SQLite format 3": "a database",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
}


class _Bytes(Protocol):
    def read(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Content:
    """A file and how it is read."""

    path: Path
    file_format: str
    encoding: str = "utf-8"
    is_packed: bool = False

    def open(self) -> BinaryIO:
        """The file's text as UTF-8 bytes from behind its mark; of a file that is no UTF-8 its bytes as they are.

        Reading raises UnreadableInput where it cannot be unpacked or is not in the encoding.
        """
        plain: _Bytes = gzip.open(self.path) if self.is_packed else self.path.open("rb")  # noqa: SIM115  closed there
        return io.BufferedReader(_Reading(plain, self.encoding, self._most_bytes()), _PIECE)

    def _most_bytes(self) -> int:
        """How many bytes may be read of the file: unpacked, a bomb has far more than its size lets expect."""
        if not self.is_packed:
            return MAX_UNPACKED_FILE_BYTES
        expected = max(MAX_UNPACKED_BODY_BYTES, MAX_UNPACKED_RATIO * self.path.stat().st_size)
        return min(MAX_UNPACKED_FILE_BYTES, expected)


class _Reading(io.RawIOBase):
    """Unpacked bytes, recoded to UTF-8 where they are in another encoding."""

    def __init__(self, source: _Bytes, encoding: str, most_bytes: int) -> None:
        self._source = source
        self._most_bytes = most_bytes
        self._encoding = encoding
        self._decoder = None if encoding == "utf-8" else codecs.getincrementaldecoder(encoding)()
        self._waiting = b""
        self._is_first = True
        self._unpacked = 0

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._source.close()
        super().close()

    def readinto(self, target: object) -> int:
        view = memoryview(target)  # type: ignore[arg-type]
        while not self._waiting:
            piece = self._next()
            if piece is None:
                return 0
            self._waiting = piece
        size = min(len(view), len(self._waiting))
        view[:size] = self._waiting[:size]
        self._waiting = self._waiting[size:]
        return size

    def _next(self) -> bytes | None:
        try:
            piece = self._source.read(_PIECE)
            text = piece if self._decoder is None else self._decoder.decode(piece, final=not piece).encode()
        except (EOFError, OSError, zlib.error) as error:
            raise UnreadableInput(f"cannot be unpacked: {error}") from None
        except UnicodeError:
            raise UnreadableInput(
                f"is not {self._encoding}: name its encoding, one of {', '.join(ENCODINGS)}"
            ) from None
        self._unpacked += len(piece)
        if self._unpacked > self._most_bytes:
            raise UnreadableInput(self._too_large())
        if self._is_first and text:
            text, self._is_first = text.removeprefix(BYTE_ORDER_MARK), False
        return text if piece or text else None

    def _too_large(self) -> str:
        if self._most_bytes == MAX_UNPACKED_FILE_BYTES:
            return f"holds more than {MAX_UNPACKED_FILE_BYTES:,} bytes unpacked: split it"
        return f"unpacks to more than {MAX_UNPACKED_RATIO} times its size: send it unpacked if that is how it is meant"


def recognise(path: Path, file_format: str | None = None, encoding: str | None = None) -> Content:
    """The content of a file; `file_format` and `encoding` are told by its bytes unless they are given.

    Raises UnsupportedFormat for what is no text and no Parquet, naming what to do, and UnreadableInput.
    """
    if file_format is not None and file_format not in FILE_FORMATS:
        raise UnsupportedFormat(f"{file_format!r} is no format: name one of {', '.join(FILE_FORMATS)}")
    if encoding is not None and encoding not in ENCODINGS:
        raise UnsupportedFormat(f"{encoding!r} is no encoding: name one of {', '.join(ENCODINGS)}")
    with path.open("rb") as file:
        is_packed = file.read(len(GZIP)) == GZIP
    with Content(path, "", "utf-8", is_packed).open() as unpacked:
        start = unpacked.read(4096)
    if start.startswith(b"PAR1") and not is_packed:
        return Content(path, "parquet")
    _require_text(start)
    encoding = encoding or encoding_of(start)
    if file_format is None:
        with Content(path, "", encoding, is_packed).open() as file:
            file_format = text_format(file.read(MAX_LINE_BYTES), path.suffix)
    return Content(path, file_format, encoding, is_packed)


def _require_text(start: bytes) -> None:
    for mark, what in _FOREIGN.items():
        if start.startswith(mark):
            raise UnsupportedFormat(f"is {what}: save it as CSV, JSON Lines or Parquet, plain or packed with gzip")


def encoding_of(start: bytes) -> str:
    """The encoding of a text by its first bytes: UTF-16 by its mark or by the zeros of its ASCII characters."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    zeros = (start[::2].count(0), start[1::2].count(0))
    if len(start) >= 8 and max(zeros) * 3 > len(start) and min(zeros) * 20 < len(start):
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    return "utf-8"


def text_format(text: bytes, suffix: str = "") -> str:
    """`csv`, `json` or `jsonl` of a text by its first megabyte; only of an empty one its suffix decides."""
    text = text.lstrip()
    if not text:
        return "jsonl" if suffix.lower() in _LINE_SUFFIXES else "csv"
    if text.startswith(b"["):
        return "json"
    if not text.startswith(b"{"):
        return "csv"
    line, line_end, rest = text.partition(b"\n")
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        is_document = not _is_line(rest) if line_end else len(text) >= MAX_LINE_BYTES
        return "json" if is_document else "jsonl"
    return "jsonl"


def _is_line(text: bytes) -> bool:
    """Whether a text goes on with another value rather than within one."""
    return not text.strip() or text.lstrip().startswith(b"{")
