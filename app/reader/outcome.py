"""What comes of reading a document: its text, or the sentence that says what is wrong with it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a document; `notes` say what of it was left out, each to be read behind the document's name."""

    text: str
    notes: Sequence[str] = ()


class UnreadableDocument(Exception):
    """A document that cannot be read; its message goes on behind the document's name and ends with the fix."""


class ReadersBusy(Exception):
    """As many documents are being read as may be at a time."""
