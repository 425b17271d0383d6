"""JSON documents read a value at a time: arrays however long, objects that wrap one, values one after another.

What wraps records is taken apart: `{"data": [...]}`, pages of buckets of results, traces of spans. A record that is
an event itself never is.
"""

import codecs
import json
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from app.services.usage.fields import UnreadableInput
from app.services.usage.formats import Malformed
from app.services.usage.wrappers import records
from simulation.canonical import Json
from simulation.repeated_keys import parse_next

MAX_VALUE = 16 * 2**20  # characters
_PIECE = 2**20
_LENIENT = json.JSONDecoder(strict=False)
_BLANKS = " \t\r\n"


def values(file: BinaryIO) -> Iterator[Json | Malformed]:
    """The records of a document in order; a value that is JSON but for its numbers or characters is Malformed.

    Raises UnreadableInput where the text is no JSON: what follows such a place cannot be told.
    """
    text = _Text(file)
    while start := text.next_character():
        if start == "[":
            yield from _elements(text)
        else:
            yield from _document(text)


def _elements(text: "_Text") -> Iterator[Json]:
    """The records of the array that the text goes on with."""
    text.skip("[")
    while text.next_character() != "]":
        yield from records(text.value())
        if text.next_character() != "]":
            text.skip(",")
    text.skip("]")


def _document(text: "_Text") -> Iterator[Json]:
    """The records of one value, or of an object too large to hold, whose members are then read one by one."""
    try:
        yield from records(text.value())
    except _TooLong:
        if text.next_character() != "{":
            raise
        yield from _members(text)


def _members(text: "_Text") -> Iterator[Json]:
    text.skip("{")
    while text.next_character() != "}":
        text.value()
        text.skip(":")
        if text.next_character() == "[":
            yield from _elements(text)
        else:
            text.value()
        if text.next_character() != "}":
            text.skip(",")
    text.skip("}")


class _TooLong(UnreadableInput):
    """A value of more than MAX_VALUE characters."""


class _Text:
    """The text of a file as far as it is read, and the place up to which it is used."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._place = 0
        self._before = 0  # characters used and forgotten
        self._has_more = True

    def next_character(self) -> str:
        """The next character that is no blank; empty at the end."""
        while True:
            while self._place < len(self._text) and self._text[self._place] in _BLANKS:
                self._place += 1
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._read_on(_PIECE):
                return ""

    def skip(self, character: str) -> None:
        """Go past the next character. Raises UnreadableInput if it is another one."""
        following = self.next_character()
        if following != character:
            place = "ends" if not following else f"has {following!r} at character {self._before + self._place + 1:,}"
            raise UnreadableInput(f"is no JSON: it {place} where {character!r} should follow")
        self._place += 1

    def value(self) -> Json | Malformed:
        """The next value. Raises UnreadableInput if there is none, _TooLong if its end is too far away."""
        self.next_character()
        size = _PIECE
        while True:
            problem = self._try_value()
            if not isinstance(problem, ValueError):
                return problem
            if len(self._text) - self._place > MAX_VALUE:
                raise _TooLong(f"has a value of more than {MAX_VALUE:,} characters: write one event a line")
            if not self._has_more:
                place = self._before + self._place + 1
                raise UnreadableInput(f"is no JSON from character {place:,} on: {problem}")
            self._read_on(size)
            size *= 2

    def _try_value(self) -> Json | Malformed | ValueError:
        """The value if the text that is read holds it whole, else why not."""
        try:
            value, end = parse_next(self._text, self._place)
        except ValueError as error:
            value, end = self._malformed(error)
        except RecursionError:
            return ValueError("nested too deeply")
        if isinstance(value, ValueError):
            return value
        if self._has_more and self._may_go_on(end):
            return ValueError("it ends too early")
        self._place = end
        return value

    def _may_go_on(self, end: int) -> bool:
        """Whether the value may be longer than the text that is read: `1` of `1.5`."""
        following = self._text[end : end + 1]
        return not following or following in ".eE+-0123456789"

    def _malformed(self, error: ValueError) -> tuple[Malformed | ValueError, int]:
        """A value that is JSON but for numbers or characters that JSON does not have."""
        try:
            _, end = _LENIENT.raw_decode(self._text, self._place)
        except (ValueError, RecursionError):
            return error, self._place
        return Malformed("", f"not JSON: {error}"), end

    def _read_on(self, size: int) -> bool:
        """Read more text; False at the end."""
        if not self._has_more:
            return False
        piece = self._file.read(size)
        self._has_more = bool(piece)
        self._before += self._place
        self._text = self._text[self._place :] + self._decoder.decode(piece, final=not piece)
        self._place = 0
        return self._has_more


def taken_apart(numbered: Iterable[tuple[int, Json]], last: int = 0) -> Iterator[tuple[int, Json]]:
    """The records of numbered values; numbers stay unique, in order and above `last` where one value holds several."""
    for number, value in numbered:
        for record in records(value):
            last = max(last + 1, number)
            yield last, record
