"""The text of a PDF, page by page, until the time for it is over."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from time import monotonic

from pypdf import PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, LimitReachedError

from app.reader.outcome import Text, UnreadableDocument
from app.sizes import MAX_DOCUMENT_LENGTH, MAX_PAGES, MAX_PAGES_SECONDS

_END, _END_WITHIN = b"%%EOF", 4_096  # bytes
_SAVE_AGAIN = "save it again or paste its text"
_LOCKED = "is locked with a password: save it without one"

logging.getLogger("pypdf").disabled = True  # its warnings go nowhere: the process has no place for them


def read(content: bytes) -> Text:
    """The text of the pages in their order. Raises UnreadableDocument, and lets MemoryError pass."""
    until = monotonic() + MAX_PAGES_SECONDS
    is_whole = _END in content[-_END_WITHIN:]
    try:
        pages = _pages(content)
    except (UnreadableDocument, MemoryError):
        raise
    except (FileNotDecryptedError, DependencyError):
        raise UnreadableDocument(_LOCKED) from None
    except RecursionError:
        raise UnreadableDocument(f"is damaged (its pages lead in a circle): {_SAVE_AGAIN}") from None
    except Exception as error:  # a library that follows what a stranger wrote may fail in any way
        problem = "its pages cannot be found" if is_whole else "its end is missing"
        raise UnreadableDocument(f"is damaged ({problem}), no PDF that can be read: {_SAVE_AGAIN}") from error
    return _text(pages, is_whole, until)


def _pages(content: bytes) -> Sequence[object]:
    reader = PdfReader(BytesIO(content))
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument(_LOCKED)
    pages: Sequence[object] = reader.pages
    if not len(pages):
        raise UnreadableDocument(f"is damaged (it has no pages): {_SAVE_AGAIN}")
    return pages


def _text(pages: Sequence[object], is_whole: bool, until: float) -> Text:
    """The text of the first pages, as many as there is time and room for."""
    shown = _Shown(len(pages))
    while shown.goes_on() and monotonic() < until:
        shown.add(pages)
    shown.require_some()
    notes = [*shown.notes(), *([] if is_whole else ["its end is missing, so that pages may be too"])]
    return Text("\n".join(shown.texts)[:MAX_DOCUMENT_LENGTH], notes)


@dataclass
class _Shown:
    """The pages that were read so far, of `count`: their texts, and how many of them could not be read."""

    count: int
    texts: list[str] = field(default_factory=list)
    length: int = 0
    broken: int = 0
    too_large: int = 0

    def goes_on(self) -> bool:
        return len(self.texts) < min(self.count, MAX_PAGES) and self.length <= MAX_DOCUMENT_LENGTH

    def add(self, pages: Sequence[object]) -> None:
        """Read the next page; one that cannot be read is empty, and counted."""
        text = ""
        try:
            text = pages[len(self.texts)].extract_text()  # type: ignore[attr-defined]  # no class that pypdf names
        except MemoryError:
            raise
        except LimitReachedError:
            self.too_large += 1
        except Exception:  # a library that follows what a stranger wrote may fail in any way
            self.broken += 1
        self.texts.append(text)
        self.length += len(text) + 1

    def require_some(self) -> None:
        """Raise UnreadableDocument where not one page could be read."""
        done = len(self.texts)
        if self.too_large == done:
            raise UnreadableDocument("has pages larger than any that are read: split it or paste its text")
        if self.too_large + self.broken == done:
            raise UnreadableDocument(f"is damaged (none of its pages can be read): {_SAVE_AGAIN}")

    def notes(self) -> Iterator[str]:
        done, unreadable = len(self.texts), self.too_large + self.broken
        if self.length > MAX_DOCUMENT_LENGTH:
            yield f"only its first {MAX_DOCUMENT_LENGTH:,} characters were read"
        elif self.goes_on():
            yield f"only its first {done} of {self.count:,} pages were read in {MAX_PAGES_SECONDS} seconds"
        elif done < self.count:
            yield f"only its first {done} of {self.count:,} pages were read"
        if unreadable:
            yield f"{unreadable} of its {self.count:,} pages could not be read"
