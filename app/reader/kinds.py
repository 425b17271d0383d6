"""Kinds of documents, told by their first bytes and held to what their name says."""

from pathlib import PurePath
from types import MappingProxyType
from typing import Literal

from app.reader.outcome import UnreadableDocument

Kind = Literal["text", "pdf", "word"]
_BY_SUFFIX: MappingProxyType[str, Kind] = MappingProxyType(
    {".txt": "text", ".md": "text", ".pdf": "pdf", ".docx": "word"}
)
SUFFIXES = tuple(_BY_SUFFIX)
_ZIP, _COMPOUND, _PDF = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-"
_PDF_WITHIN = 1_024  # bytes: some writers put lines of their own before the mark
_LOCKED = "EncryptedPackage".encode("utf-16-le")
_OTHERS = MappingProxyType(
    {
        b"\x89PNG": "a picture",
        b"\xff\xd8\xff": "a picture",
        b"GIF8": "a picture",
        b"\x1f\x8b": "a gzip archive",
        b"7z\xbc\xaf": "an archive",
        b"Rar!": "an archive",
        b"MZ": "a program",
        b"\x7fELF": "a program",
        b"{\\rtf": "rich text (rtf)",
    }
)
_SAVE = "save it as docx or PDF, or paste its text"


def kind_of(name: str, content: bytes) -> Kind:
    """The kind that both the name and the first bytes say; raises UnreadableDocument where they do not agree."""
    kind = _BY_SUFFIX.get(PurePath(name).suffix.casefold())
    if kind is None:
        raise UnreadableDocument(f"is not one of {', '.join(SUFFIXES)}")
    if not content.strip():
        raise UnreadableDocument("is empty: it holds no text, choose the file that has it")
    _refuse_others(kind, content)
    return kind


def _refuse_others(kind: Kind, content: bytes) -> None:
    """Raise for bytes that plainly are something else than `kind`."""
    if content.startswith(_COMPOUND):
        if _LOCKED in content:
            raise UnreadableDocument("is locked with a password: save it without one")
        raise UnreadableDocument(f"is an old Word document (doc) or another old file of Office: {_SAVE}")
    is_pdf, is_zip = _PDF in content[:_PDF_WITHIN], content.startswith(_ZIP)
    if is_pdf and kind != "pdf" and not is_zip:
        raise UnreadableDocument("is a PDF by what it holds: give it a name that ends in .pdf")
    if is_zip and kind != "word":
        raise UnreadableDocument("is an archive by what it holds, such as a docx: give it a name that ends in .docx")
    other = next((what for mark, what in _OTHERS.items() if content.startswith(mark)), None)
    if other is not None:
        raise UnreadableDocument(f"is {other} by what it holds: {_SAVE}")
    if kind == "pdf" and not is_pdf:
        raise UnreadableDocument(f"is not a PDF by what it holds: {_SAVE}")
    if kind == "word" and not is_zip:
        raise UnreadableDocument(f"is not a Word document (docx) by what it holds: {_SAVE}")
