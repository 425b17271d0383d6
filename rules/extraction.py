"""Cards of a product's economics, taken from a text by fixed words alone, each with its sentence (spec 7).

Pure and deterministic: the same text and vocabulary give the same cards in the same order. Numbers are exact.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from itertools import accumulate
from types import MappingProxyType

from rules.enums import GoalType
from rules.readings import POINT, divided, hundredth, plain_text, read, readings

NEW, ACCEPTED, DISMISSED = "new", "accepted", "dismissed"
EVIDENCE = "evidence"
"""The kind of the cards that the evidence of active configs suggests, and no text gives."""
MAX_CARDS, MAX_SENTENCE_LENGTH = 60, 400

_SENTENCE_END = re.compile(r"(?<=[.!?;]) ")
_AMOUNT = r"(?<![\d.,])(?:\d+(?:[.,]\d+)*|\.\d+)(?:e[+-]?\d{1,3})?(?![\d])"
_MONEY = re.compile(rf"(?:US)?\$\s?({_AMOUNT})|({_AMOUNT})\s?(?:USD|dollars?|(cents?))\b", re.IGNORECASE)
_PERCENT = re.compile(rf"({_AMOUNT})\s?(?:%|percent\b|per cent\b)", re.IGNORECASE)
_MANY = MappingProxyType({"k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "billion": 10**9})
_QUANTITY = rf"(?P<many>(?P<number>{_AMOUNT})\s?(?P<times>{'|'.join(_MANY)})?|(?P<word>thousand|million|billion))\b"
_PER = re.compile(
    r"\s*(?:(?:for\s+)?(?:per\b|an?\b|each\b|every\b)|for\b(?=\s*(?:\d|thousand|million|billion))|/)\s*"
    rf"(?:{_QUANTITY}\s*)?(?P<unit>[a-z]+)?",
    re.IGNORECASE,
)
_BEFORE = re.compile(rf"{_QUANTITY}\s+(?P<unit>[a-z]+)\s+(?:cost|costs|sells?|goes|go|are|is)\b", re.IGNORECASE)
_ANOTHER_AMOUNT = re.compile(r"[\d$]")
_MARGIN = re.compile(r"\bmargins?\b", re.IGNORECASE)
_PLAN = re.compile(
    r"\b([A-Z][\w-]{1,30}) (?:plan|tier|package)\b|\b(?:plan|tier|package) (?:called|named) ([A-Z][\w-]{1,30})"
)
_NOT_PLANS = frozenset({"a", "an", "the", "this", "that", "our", "each", "every", "their", "your", "its", "one", "no"})
CAP = "cap"
_NEAR = MappingProxyType(
    {
        "price": re.compile(r"\b(?:pric\w*|charg\w*|sells?|sold|pays?|bill(?:s|ed)?|fees?|list)\b", re.IGNORECASE),
        "cost": re.compile(r"\b(?:costs?|costing|cogs|spend\w*|expens\w*|we pay|pays? for compute)\b", re.IGNORECASE),
        CAP: re.compile(
            r"\b(?:spend\w*\s+)?(?:caps?|capped|limits?|limited|ceilings?|budgets?)\b"
            r"(?:\s+(?:on|of|for|the|their|its)\b)*(?:\s+spend\w*)?",
            re.IGNORECASE,
        ),
    }
)
"""The words of each kind of amount. A cap is what may be spent: it is known so that it is taken for no cost."""
_GOALS = MappingProxyType(
    {
        GoalType.PMF_LEARNING: ("product-market fit", "product market fit", "pmf", "learn what", "find out what"),
        GoalType.REVENUE: (
            "grow revenue",
            "increase revenue",
            "more revenue",
            "revenue growth",
            "monetise",
            "monetize",
        ),
        GoalType.MARGIN: ("protect the margin", "raise the margin", "improve margin", "higher margin", "profitab"),
        GoalType.MARKET_SHARE: ("market share", "land grab", "win the market", "more customers"),
        GoalType.DATA_FLYWHEEL: ("data flywheel", "training data", "more data from", "feedback data"),
    }
)
_SYNONYMS = MappingProxyType(
    {
        "retention": ("retention", "churn", "customers stay", "keep customers"),
        "engagement": ("engagement", "active use", "come back"),
        "exploration": ("trial", "free tier", "try out", "exploration"),
        "csat": ("csat", "customer satisfaction", "satisfaction score"),
        "nps": ("nps", "net promoter"),
        "smb": ("small business", "small businesses", "smb", "smbs"),
        "enterprise": ("enterprise", "enterprises", "large companies"),
        "revenue": ("revenue", "mrr", "arr"),
    }
)
"""The phrases that mean a word of an identifier in a text, by that word."""

Fact = tuple[str, str, str]
"""Kind, value and label of a card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The catalogs' terms: identifier → label, for each kind of card."""

    metric: Mapping[str, str] = field(default_factory=dict)
    event: Mapping[str, str] = field(default_factory=dict)
    segment: Mapping[str, str] = field(default_factory=dict)
    quality_signal: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A fact that a text states. `value` is what a later screen fills in: an identifier, or an exact number as text.

    Money is USD per unit, a margin a share (`0.7`). `state` is new, accepted or dismissed. The label of an amount for
    many says for how many: `cost $0.000003 per token ($0.003 per 1,000 tokens)`.
    """

    kind: str
    value: str
    label: str
    sentence: str
    source: str
    state: str = NEW

    @property
    def card_id(self) -> str:
        """An identifier made of kind, value and source: reading a text again keeps what was accepted before."""
        return "card_" + sha256(f"{self.kind}\0{self.value}\0{self.source}".encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, str]:
        """Plain JSON: `{card_id, kind, value, label, sentence, source, state}`."""
        names = ("card_id", "kind", "value", "label", "sentence", "source", "state")
        return {name: getattr(self, name) for name in names}


def extract(text: str, source: str, vocabulary: Vocabulary) -> tuple[Card, ...]:
    """The cards of a text in its order, each value once with its first sentence; at most 60.

    Takes time in proportion to the text and to the terms, whatever the text holds.
    """
    sentences = tuple(dict.fromkeys(_sentences(text)))
    terms, has_commas = _terms(sentences, vocabulary), _has_decimal_commas(text)
    cards: dict[tuple[str, str], Card] = {}
    for number, sentence in enumerate(sentences):
        for kind, value, label in (*_goals(sentence), *terms.get(number, ()), *_figures(sentence, has_commas)):
            card = Card(kind=kind, value=value, label=label, sentence=sentence, source=source)
            cards.setdefault((kind, value), card)
        if len(cards) >= MAX_CARDS:
            break
    return tuple(cards.values())[:MAX_CARDS]


def _sentences(text: str) -> Iterator[str]:
    """The sentences of a text, each on one line, cut after 400 characters."""
    for written in text.split("\n"):
        for part in _SENTENCE_END.split(" ".join(written.split())):
            line = part.lstrip("#*-•> ")
            if line:
                yield line[:MAX_SENTENCE_LENGTH]


def _has_decimal_commas(text: str) -> bool:
    """Whether an amount of the text can only have a decimal comma, so that another comma may be one too."""
    amounts = (amount[1] or amount[2] for amount in _MONEY.finditer(text))
    return any(read(amount, POINT) is None and readings(amount) for amount in amounts)


def _goals(sentence: str) -> Iterator[Fact]:
    lowered = sentence.casefold()
    for goal, words in _GOALS.items():
        if any(word in lowered for word in words):
            yield "goal", goal.value, goal.value.replace("_", " ")


def _figures(sentence: str, has_commas: bool) -> Iterator[Fact]:
    yield from _money(sentence, has_commas)
    yield from _margins(sentence)
    yield from _plans(sentence)


def _money(sentence: str, has_commas: bool) -> Iterator[Fact]:
    """Amounts of a sentence that also speaks of a price or a cost; the nearer word decides which.

    An amount that can mean two numbers is a card for each, so that the operator decides.
    """
    amounts = tuple(_MONEY.finditer(sentence))
    words = _words(sentence) if amounts else ()
    for amount in amounts:
        kind = _nearest(words, amount.start())
        if kind is None:
            continue
        values = _values(amount[1] or amount[2], has_commas)
        for value in values:
            usd = hundredth(value) if amount[3] else value
            yield from _priced(kind, usd, amount, sentence, is_one_of_two=len(values) > 1)


def _values(text: str, has_commas: bool) -> tuple[Decimal, ...]:
    """The numbers that an amount means: in a text without decimal commas a comma separates thousands."""
    value = None if has_commas else read(text, POINT)
    return readings(text) if value is None else (value,)


def _priced(kind: str, usd: Decimal, amount: re.Match[str], sentence: str, *, is_one_of_two: bool) -> Iterator[Fact]:
    """The fact of an amount, brought to one unit; what cannot be is kept for as many as the sentence says."""
    written = f"${plain_text(usd)}" if is_one_of_two else amount[0].strip()
    number, unit, many = _per(sentence, amount)
    if number is None:
        yield kind, plain_text(usd), f"{kind} {written}{f' per {unit}' if unit else ''}"
    elif (each := divided(usd, number)) is not None and unit:
        one = unit.removesuffix("s")
        yield kind, plain_text(each), f"{kind} ${plain_text(each)} per {one} ({written} per {many} {unit})"
    else:
        yield kind, plain_text(usd), f"{kind} {written} per {many}{f' {unit}' if unit else ''}"


def _per(sentence: str, amount: re.Match[str]) -> tuple[Decimal | None, str, str]:
    """For how many of what the amount is: the number (None: for one), the unit, and the number as it is written."""
    after = _PER.match(sentence[amount.end() :])
    match = after or _quantity_before(sentence[: amount.start()])
    if match is None:
        return None, "", ""
    unit, times = (match["unit"] or "").casefold(), (match["times"] or match["word"] or "").casefold()
    if not match["many"]:
        return None, unit, ""
    number = read(match["number"], POINT) if match["number"] else Decimal(1)
    return (Decimal(0) if number is None else number * _MANY.get(times, 1)), unit, match["many"].strip()


def is_per_unit(label: str) -> bool:
    """Whether the amount of a card's label is for one unit, so that it may be filled in as a unit's cost or price."""
    return re.match(r"(?:cost|price) [^(]+? per (?:\d|thousand|million|billion)", label) is None


def _quantity_before(before: str) -> re.Match[str] | None:
    """`1,000 tokens cost` in the words before an amount, behind which no other amount stands."""
    others = [other.start() for other in _ANOTHER_AMOUNT.finditer(before)]
    clear_from = others[-1] if others else 0
    return next((match for match in _BEFORE.finditer(before) if match.end() > clear_from), None)


def _words(sentence: str) -> tuple[tuple[int, str], ...]:
    """Position and kind of each word that names a kind of amount, without those within others: `pay` in `we pay`."""
    spans = [(word.span(), kind) for kind, pattern in _NEAR.items() for word in pattern.finditer(sentence)]
    words, longest = [], (0, 0)
    for span, kind in sorted(spans, key=lambda word: (word[0][0], -word[0][1])):  # what holds others comes before them
        if span[1] > longest[1]:
            longest = span
        if span == longest:
            words.append((span[0], kind))
    return tuple(words)


def _nearest(words: Iterable[tuple[int, str]], position: int) -> str | None:
    """The kind whose word stands nearest; None where that is a cap, or where there is no such word."""
    kind = min(((abs(start - position), kind) for start, kind in words), default=(0, CAP))[1]
    return None if kind == CAP else kind


def _margins(sentence: str) -> Iterator[Fact]:
    if _MARGIN.search(sentence):
        for percent in _PERCENT.finditer(sentence):
            for number in _values(percent[1], has_commas=True):
                share = hundredth(number)
                if share <= 1:
                    yield "margin", plain_text(share), f"margin {percent[1]} %"


def _plans(sentence: str) -> Iterator[Fact]:
    for plan in _PLAN.finditer(sentence):
        name = plan[1] or plan[2]
        if name.casefold() not in _NOT_PLANS:
            yield "plan", name, f"plan {name}"


def _terms(sentences: Iterable[str], vocabulary: Vocabulary) -> dict[int, list[Fact]]:
    """Number of a sentence → the terms of the catalogs that no sentence before it has, in the catalogs' order.

    The sentences are searched as one text, once for each way to say a term.
    """
    lowered = [sentence.casefold() for sentence in sentences]
    text, starts = "\n".join(lowered), tuple(accumulate((len(line) + 1 for line in lowered), initial=0))
    terms: dict[int, list[Fact]] = {}
    for kind in ("metric", "event", "segment", "quality_signal"):
        for identifier, label in getattr(vocabulary, kind).items():
            places = [_place(text, way) for way in sorted(set(_ways_to_say(identifier, label)))]
            place = min((place for place in places if place is not None), default=None)
            if place is not None:
                terms.setdefault(bisect_right(starts, place) - 1, []).append((kind, identifier, label or identifier))
    return terms


def _ways_to_say(identifier: str, label: str) -> Iterator[str]:
    """The id as it is and as words, its label, and synonyms of the id's words; none of a single character."""
    synonyms = (way for word in identifier.casefold().split("_") for way in _SYNONYMS.get(word, ()))
    ways = (identifier, identifier.replace("_", " "), label, *synonyms)
    yield from (way.casefold() for way in ways if len(way.casefold()) > 1 and "\n" not in way)


def _place(text: str, way: str) -> int | None:
    """Where a term first stands in a text as words of its own, None where it does not."""
    place = text.find(way)
    while place >= 0:
        end = place + len(way)
        if not (_is_word(text[max(place - 1, 0) : place]) or _is_word(text[end : end + 1])):
            return place
        place = text.find(way, place + 1)
    return None


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
