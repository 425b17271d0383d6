"""Read the text of uploaded documents (txt, md, pdf and docx) and the cards in it (spec 7, flow 1)."""

from collections.abc import Callable, Iterable, Mapping
from io import BytesIO
from pathlib import PurePath
from types import MappingProxyType
from typing import TypedDict
from zipfile import BadZipFile

from app.errors import Invalid, invalid_field
from app.models.base import AnySession
from app.services.catalogs.kinds import EVENTS, METRICS, QUALITY_SIGNALS, SEGMENTS, Kind
from app.services.catalogs.reading import labels_of
from rules.extraction import Card, Vocabulary, extract
from simulation.canonical import Json

MAX_TEXT_LENGTH = 400_000
MAX_PAGES = 300
PASTED = "pasted text"


class ReadDocument(TypedDict):
    """A document as a context keeps it: its name, its size in bytes and its text."""

    name: str
    bytes: int
    text: str


def read_document(name: str, content: bytes) -> ReadDocument:
    """The document that was uploaded; raises Invalid that names the file when nothing can be read from it."""
    reader = READERS.get(PurePath(name).suffix.casefold())
    if reader is None:
        raise _unreadable(name, f"is not one of {', '.join(READERS)}")
    text = reader(name, content).replace("\x00", "").strip()
    if not text:
        raise _unreadable(name, "holds no text; a scanned page has to be typed in")
    return {"name": PurePath(name).name[:200], "bytes": len(content), "text": text[:MAX_TEXT_LENGTH]}


def cards_of(
    session: AnySession, workspace_id: str, documents: Iterable[Mapping[str, Json]], pasted_text: str | None
) -> list[Card]:
    """The cards of all texts of a context, documents first; a value that several texts name is one card."""
    vocabulary = vocabulary_of(session, workspace_id)
    texts = [(document["text"], document["name"]) for document in documents]
    if pasted_text:
        texts.append((pasted_text, PASTED))
    cards: dict[tuple[str, str], Card] = {}
    for text, source in texts:
        for card in extract(text, source, vocabulary):
            cards.setdefault((card.kind, card.value), card)
    return list(cards.values())


def vocabulary_of(session: AnySession, workspace_id: str) -> Vocabulary:
    """The terms of the workspace's catalogs that texts are searched for, each id with its label, by id."""

    def terms(kind: Kind) -> dict[str, str]:
        return dict(sorted(labels_of(session, kind, workspace_id).all.items()))

    return Vocabulary(
        metric=terms(METRICS), event=terms(EVENTS), segment=terms(SEGMENTS), quality_signal=terms(QUALITY_SIGNALS)
    )


def _plain(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(name, "is not UTF-8 text") from error


def _pdf(name: str, content: bytes) -> str:
    from pypdf import PdfReader  # late: each reader comes with the first document of its kind
    from pypdf.errors import PyPdfError

    try:
        pages = PdfReader(BytesIO(content)).pages
        return "\n".join(pages[number].extract_text() for number in range(min(len(pages), MAX_PAGES)))
    except (PyPdfError, ValueError, KeyError, TypeError, OSError) as error:
        raise _unreadable(name, "is not a PDF that can be read; save it again or paste its text") from error


def _docx(name: str, content: bytes) -> str:
    from docx import Document  # late: each reader comes with the first document of its kind
    from docx.opc.exceptions import PackageNotFoundError

    try:
        document = Document(BytesIO(content))
    except (PackageNotFoundError, BadZipFile, KeyError, ValueError, OSError) as error:
        raise _unreadable(name, "is not a Word document (docx); save it again or paste its text") from error
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def _unreadable(name: str, problem: str) -> Invalid:
    return invalid_field("/documents", f"{name} {problem}.", code="document_unreadable")


READERS: Mapping[str, Callable[[str, bytes], str]] = MappingProxyType(
    {".txt": _plain, ".md": _plain, ".pdf": _pdf, ".docx": _docx}
)
