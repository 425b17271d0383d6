"""Hostile texts for a regular expression, made from its own structure, and the budget of time that reading them has.

A pattern that reads a text in more than linear time does so where it repeats something: a part that can end in several
places, or one that is begun anew at each character and fails only at its end. So each text is a piece that the pattern
repeats, or that leads into the pattern, many times over, with an end at which it fails.
"""

import re
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import product
from time import process_time
from types import FrameType
from typing import Any, NamedTuple

FEW, MANY = 4_000, 32_000  # characters
MAX_RATIO = 20  # of the time for MANY to the time for FEW; 8 where it is linear, 64 where it is quadratic
TOO_SHORT_TO_JUDGE = 0.1  # seconds of the processor for MANY
MAX_SECONDS = 1.0  # of the processor for MANY
ENDS = ("", "\0", '"', "x0")
_MANY_TIMES = 8
_parser: Any = import_module("re._parser")
_Items = Sequence[tuple[Any, Any]]
"""Pairs of an operation and its arguments, as the standard library parses a pattern; it has no types for them."""


class Growth(NamedTuple):
    """A text that a pattern reads too slowly, with the seconds of the processor for few and for many characters.

    `few` is None where many took more than the budget.
    """

    text: str
    reading: str
    few: float | None
    many: float

    def __str__(self) -> str:
        few = "" if self.few is None else f"{self.few:.4f} s for {FEW:,} characters, "
        return f"{self.reading} of {self.text!r}…: {few}{self.many:.4f} s for {MANY:,}"


def scanned(pattern: re.Pattern[str], text: str) -> None:
    """Look for the pattern from every place of the text, as search, sub, split and findall do."""
    for _ in pattern.finditer(text):
        pass


def matched(pattern: re.Pattern[str], text: str) -> None:
    """Look for the pattern at the text's beginning alone, to the text's end and not."""
    pattern.fullmatch(text)
    pattern.match(text)


def too_slow(pattern: re.Pattern[str], readings: Iterable[Callable[[re.Pattern[str], str], None]]) -> Growth | None:
    """The first hostile text that the pattern reads in more than linear time; None where there is none."""
    for reading, text_of in product(readings, _texts(pattern)):
        many = _seconds(reading, pattern, text_of(MANY))
        if many >= MAX_SECONDS:
            return Growth(text_of(40), reading.__name__, None, many)
        if many >= TOO_SHORT_TO_JUDGE:
            few = _seconds(reading, pattern, text_of(FEW), times=20)
            many = min(many, *(_seconds(reading, pattern, text_of(MANY)) for _ in range(2)))
            if many > MAX_RATIO * few:
                return Growth(text_of(40), reading.__name__, few, many)
    return None


class _OverBudgetError(Exception):
    """Ends a reading that goes on for longer than the budget, as an exponential one would for years."""


def _seconds(
    reading: Callable[[re.Pattern[str], str], None], pattern: re.Pattern[str], text: str, *, times: int = 1
) -> float:
    """The time of the processor, of which a busy machine takes nothing, that a reading needs; at most the budget."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _OverBudgetError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, MAX_SECONDS)
    begun = process_time()
    try:
        for _ in range(times):
            reading(pattern, text)
    except _OverBudgetError:
        return MAX_SECONDS
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    return (process_time() - begun) / times


def _texts(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Makers of hostile texts of a length."""
    items = _parser.parse(pattern.pattern, pattern.flags)
    pairs = {pair for pair in _pieces(items, "") if pair[1]}
    for (start, piece), end in product(sorted({*pairs, *(("", piece) for _, piece in pairs)}), ENDS):
        yield (
            lambda length, start=start, piece=piece, end=end: (  # type: ignore[misc]  # bound now
                start + (piece * length)[: max(0, length - len(start) - len(end))] + end
            )
        )


def _pieces(items: _Items, before: str) -> Iterator[tuple[str, str]]:
    """What leads to a part of the pattern, and a text that this part, or all up to it, reads again and again."""
    for position, (operation, arguments) in enumerate(items):
        start = before + _sample(items[:position])
        yield before, start
        name = str(operation)
        if name.endswith("_REPEAT"):
            _, most, body = arguments
            if most >= _MANY_TIMES:
                yield from ((start, piece) for piece in _samples(body))
            yield from _pieces(body, start)
        elif name == "SUBPATTERN":
            yield from _pieces(arguments[-1], start)
        elif name == "ATOMIC_GROUP":
            yield from _pieces(arguments, start)
        elif name == "BRANCH":
            for branch in arguments[1]:
                yield from _pieces(branch, start)
    yield before, before + _sample(items)


def _samples(items: _Items) -> Iterator[str]:
    """Texts that the items read, one for each way that the first of them has."""
    if not items:
        return
    operation, arguments = items[0]
    rest = _sample(items[1:])
    name = str(operation)
    if name == "BRANCH":
        yield from (text + rest for branch in arguments[1] for text in _samples(branch))
    elif name == "SUBPATTERN":
        yield from (text + rest for text in _samples(arguments[-1]))
    elif name == "IN":
        yield from (character + rest for character in _members(arguments))
    else:
        yield _sample(items)


def _sample(items: _Items) -> str:
    """One short text that the items read; what they only look at is left out."""
    return "".join(_sample_of(str(operation), arguments) for operation, arguments in items)


def _sample_of(name: str, arguments: Any) -> str:
    if name == "LITERAL":
        return chr(arguments)
    if name == "NOT_LITERAL":
        return "a" if arguments != ord("a") else "b"
    if name == "ANY":
        return "a"
    if name == "IN":
        return next(iter(_members(arguments)), "")
    if name == "BRANCH":
        return _sample(arguments[1][0])
    if name == "SUBPATTERN":
        return _sample(arguments[-1])
    if name == "ATOMIC_GROUP":
        return _sample(arguments)
    if name.endswith("_REPEAT"):
        return _sample(arguments[2]) * max(1, min(int(arguments[0]), 32))
    return ""


_OF_CATEGORIES = {
    "CATEGORY_DIGIT": "1", "CATEGORY_SPACE": " ", "CATEGORY_WORD": "a1_",
    "CATEGORY_NOT_DIGIT": "a ", "CATEGORY_NOT_SPACE": "a1", "CATEGORY_NOT_WORD": " .",
}  # fmt: skip


def _members(members: _Items) -> list[str]:
    """Characters of a class: of each of its members one."""
    if str(members[0][0]) == "NEGATE":
        excluded = re.compile(_class_of(members[1:]))
        return [character for character in ("a", " ", "1", ".", '"', "-", "\n") if not excluded.match(character)]
    texts = []
    for operation, argument in members:
        name = str(operation)
        if name == "LITERAL":
            texts.append(chr(argument))
        elif name == "RANGE":
            texts.append(chr(argument[0]))
        elif name == "CATEGORY":
            texts += _OF_CATEGORIES[str(argument)]
    return texts


def _class_of(members: _Items) -> str:
    """The pattern of the characters of a class."""
    escapes = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w", "NOT_DIGIT": r"\D", "NOT_SPACE": r"\S", "NOT_WORD": r"\W"}
    parts = []
    for operation, argument in members:
        name = str(operation)
        if name == "LITERAL":
            parts.append(re.escape(chr(argument)))
        elif name == "RANGE":
            parts.append(f"{re.escape(chr(argument[0]))}-{re.escape(chr(argument[1]))}")
        elif name == "CATEGORY":
            parts.append(escapes[str(argument).removeprefix("CATEGORY_")])
    return f"[{''.join(parts)}]"
