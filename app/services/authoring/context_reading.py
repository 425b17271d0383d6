"""Read the text of uploaded documents (txt, md, pdf and docx) and the cards in it (spec 7, flow 1)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple, TypedDict

from app.errors import AvsError, FieldError, Invalid, invalid, invalid_field
from app.models.base import AnySession
from app.reader import process
from app.reader.outcome import ReadersBusy, UnreadableDocument
from app.services.catalogs.kinds import EVENTS, METRICS, QUALITY_SIGNALS, SEGMENTS, Kind
from app.services.catalogs.reading import labels_of
from app.sizes import MAX_CONTEXT_LENGTH, MAX_DOCUMENTS, MAX_READERS
from rules.extraction import Card, Vocabulary, extract
from rules.texts import without_unfit
from simulation.canonical import Json

MAX_NAME_LENGTH = 200
PASTED = "pasted text"


class ReadDocument(TypedDict):
    """A document as a context keeps it: its name, its size in bytes and its text."""

    name: str
    bytes: int
    text: str


class Upload(NamedTuple):
    """The documents that came together, and sentences about what of them was not read."""

    documents: list[ReadDocument]
    notes: list[str]


class DocumentsBusy(AvsError):
    """Other documents are being read, and this one has to wait."""

    status = 503
    title = "Other documents are being read"


def read_documents(files: Iterable[tuple[str, bytes]]) -> Upload:
    """The documents of one upload, (name, content) each, read one after the other within the time of an upload.

    Raises Invalid that names every file from which nothing can be read, and what to do; DocumentsBusy.
    """
    deadline, upload, problems = process.Deadline(), Upload([], []), []
    for given_name, content in files:
        name = _file_name(given_name)
        try:
            text = process.read(name, content, deadline)
        except UnreadableDocument as problem:
            problems.append(f"{name} {problem}.")
        except ReadersBusy:
            raise _busy(name) from None
        else:
            upload.documents.append(ReadDocument(name=name, bytes=len(content), text=text.text))
            upload.notes.extend(f"{name}: {note}." for note in text.notes)
    if problems:
        raise _refusal(problems, upload.documents)
    return upload


def _file_name(given_name: str) -> str:
    return without_unfit(PurePath(given_name).name)[-MAX_NAME_LENGTH:].strip() or "document"


def _busy(name: str) -> DocumentsBusy:
    detail = f"{MAX_READERS} other documents are being read: send {name} again in a few seconds."
    return DocumentsBusy(detail, code="documents_busy")


def _refusal(problems: Sequence[str], readable: Sequence[ReadDocument]) -> Invalid:
    """The refusal of an upload, of which nothing is kept; it says which of the files can be sent as they are."""
    errors = [FieldError("/documents", problem, "document_unreadable") for problem in problems]
    if readable:
        names = ", ".join(document["name"] for document in readable)
        errors.append(FieldError("/documents", f"Nothing was kept; send again what can be read: {names}.", "not_kept"))
    return invalid(*errors)


def require_room(documents: Sequence[Mapping[str, Json]]) -> None:
    """Raise Invalid where these are more documents, or more text, than one context has room for."""
    if len(documents) > MAX_DOCUMENTS:
        raise invalid_field("/documents", f"A context has room for {MAX_DOCUMENTS} documents: paste what counts.")
    length = sum(len(document["text"]) for document in documents)
    if length > MAX_CONTEXT_LENGTH:
        detail = f"The documents of a context may have {MAX_CONTEXT_LENGTH:,} characters, and these have {length:,}"
        raise invalid_field("/documents", f"{detail}: send fewer, or paste what counts.")


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
