"""The text of a Word document (docx), read as a stream: time and memory go with its size, whatever is in it.

A docx is a zip archive; of its parts only the one with the text is unpacked, and its XML is never held as a tree.
"""

import zlib
from collections.abc import Iterator
from io import BytesIO
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from app.reader.outcome import Text, UnreadableDocument
from app.sizes import (
    MAX_DOCUMENT_LENGTH,
    MAX_PARTS,
    MAX_UNPACKED_DOCUMENT_BYTES,
    MAX_XML_DEPTH,
    MIB,
)

_PIECE = 2**20  # bytes: an element may be as long, and is looked through again with each further piece
_RELATIONS, _USUAL_PART = "_rels/.rels", "word/document.xml"
_WORD = (
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main",
    "http://purl.oclc.org/ooxml/wordprocessingml/main",
)
_COMPATIBILITY = "http://schemas.openxmlformats.org/markup-compatibility/2006"
_TEXTS = frozenset(f"{space} t" for space in _WORD)
_ENDS = {f"{space} {name}": "\n" for space in _WORD for name in ("p", "br", "cr")}
_STARTS = {f"{space} {name}": sign for space in _WORD for name, sign in (("tab", "\t"), ("noBreakHyphen", "-"))}
_SKIPPED = frozenset({f"{_COMPATIBILITY} Fallback", *(f"{space} moveFrom" for space in _WORD)})
"""What repeats the text beside it for older programs, and text that was moved to another place."""
_OTHER_ARCHIVES = {
    "xl/workbook.xml": "a spreadsheet",
    "ppt/presentation.xml": "a presentation",
    "content.xml": "an OpenDocument file",
    "META-INF/container.xml": "an e-book",
}
_SAVE_AGAIN = "save it again or paste its text"


class _EnoughError(Exception):
    """Ends the reading when as much text was read as is kept."""


def read(content: bytes) -> Text:
    """The paragraphs and table cells in their order, one a line. Raises UnreadableDocument."""
    try:
        with ZipFile(BytesIO(content)) as archive:
            return _text(archive, _part(archive))
    except BadZipFile as error:
        end = "its end is missing" if "not a zip file" in str(error) else "a part of its archive does not add up"
        raise UnreadableDocument(f"is damaged ({end}), no Word document any more: {_SAVE_AGAIN}") from None
    except (zlib.error, EOFError, OSError, ValueError, NotImplementedError, KeyError):
        raise UnreadableDocument(f"is damaged (its archive cannot be unpacked): {_SAVE_AGAIN}") from None
    except expat.ExpatError as error:
        if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
            raise MemoryError from None
        place = f"line {error.lineno}, column {error.offset}"
        raise UnreadableDocument(f"is damaged (its XML breaks off at {place}): {_SAVE_AGAIN}") from None


def _part(archive: ZipFile) -> str:
    """The name of the part with the text; raises UnreadableDocument for an archive that is something else."""
    names = archive.namelist()
    if len(names) > MAX_PARTS:
        raise UnreadableDocument(f"holds more than {MAX_PARTS:,} files: paste its text")
    part = _named_part(archive) if _RELATIONS in names else _USUAL_PART
    other = next((what for name, what in _OTHER_ARCHIVES.items() if name in names), None)
    if part not in names or not part.startswith("word/"):
        what = other or "an archive without a Word document in it"
        raise UnreadableDocument(f"is {what}, not a Word document (docx): save it as docx or PDF, or paste its text")
    info = archive.getinfo(part)
    if info.flag_bits & 1:
        raise UnreadableDocument("is locked with a password: save it without one")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise UnreadableDocument(f"is packed as no Word document is: {_SAVE_AGAIN}")
    return part


def _named_part(archive: ZipFile) -> str:
    """The part that the archive's relations call its document; the usual one where they call none so."""
    targets: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name.endswith(" Relationship") and attributes.get("Type", "").endswith("/officeDocument"):
            targets.append(attributes.get("Target", "").lstrip("/"))

    parser = _parser()
    parser.StartElementHandler = start
    _feed(parser, _pieces(archive, _RELATIONS))
    return targets[0] if targets else _USUAL_PART


def _text(archive: ZipFile, part: str) -> Text:
    collected = _Collected()
    parser = _parser()
    parser.StartElementHandler, parser.EndElementHandler = collected.start, collected.end
    parser.CharacterDataHandler = collected.characters
    try:
        _feed(parser, _pieces(archive, part))
    except _EnoughError:
        return Text("".join(collected.parts), (f"only its first {MAX_DOCUMENT_LENGTH:,} characters were read",))
    return Text("".join(collected.parts))


def _pieces(archive: ZipFile, part: str) -> Iterator[bytes]:
    """The part's bytes as they are unpacked; what the archive says of their number is not relied on."""
    unpacked = 0
    with archive.open(part) as file:
        while piece := file.read(_PIECE):
            unpacked += len(piece)
            if unpacked > MAX_UNPACKED_DOCUMENT_BYTES:
                raise UnreadableDocument(
                    f"unpacks to more than {MAX_UNPACKED_DOCUMENT_BYTES // MIB} MiB: split it or paste its text"
                )
            yield piece


def _parser() -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_declarations
    return parser


def _refuse_declarations(*declaration: object) -> None:
    """Refuse a document type: Word writes none, and the entities in one may stand for more text than there is room."""
    raise UnreadableDocument("declares entities in its XML, as no Word document does: save it again with Word")


def _feed(parser: expat.XMLParserType, pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        parser.Parse(piece, False)
    parser.Parse(b"", True)


class _Collected:
    """The text so far, as the handlers of a parser collect it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._length = self._depth = self._skipped = 0
        self._is_text = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > MAX_XML_DEPTH:
            raise UnreadableDocument(f"has more than {MAX_XML_DEPTH} elements within each other: {_SAVE_AGAIN}")
        self._skipped += name in _SKIPPED
        self._is_text = name in _TEXTS
        if not self._skipped and name in _STARTS:
            self._add(_STARTS[name])

    def end(self, name: str) -> None:
        self._depth -= 1
        self._is_text = False
        if not self._skipped and name in _ENDS:
            self._add(_ENDS[name])
        self._skipped -= name in _SKIPPED

    def characters(self, text: str) -> None:
        if self._is_text and not self._skipped:
            self._add(text)

    def _add(self, text: str) -> None:
        if text == "\n" and (not self.parts or self.parts[-1] == "\n"):
            return  # empty lines are none
        self.parts.append(text[: MAX_DOCUMENT_LENGTH - self._length])
        self._length += len(text)
        if self._length > MAX_DOCUMENT_LENGTH:
            raise _EnoughError
