"""Cards of a product's economics, taken from a text by fixed words alone, each with its sentence (spec 7).

Pure and deterministic: the same text and vocabulary give the same cards in the same order. Numbers are exact.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from hashlib import sha256
from types import MappingProxyType

from rules.enums import GoalType

NEW, ACCEPTED, DISMISSED = "new", "accepted", "dismissed"
MAX_CARDS, MAX_SENTENCE_LENGTH = 60, 400

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\s*\n+\s*|(?<=;)\s+")
_AMOUNT = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_MONEY = re.compile(rf"(?:US)?\$\s?({_AMOUNT})|({_AMOUNT})\s?(?:USD|dollars?|(cents?))\b", re.IGNORECASE)
_PERCENT = re.compile(rf"({_AMOUNT})\s?(?:%|percent\b|per cent\b)", re.IGNORECASE)
_MARGIN = re.compile(r"\bmargins?\b", re.IGNORECASE)
_PLAN = re.compile(
    r"\b([A-Z][\w-]{1,30}) (?:plan|tier|package)\b|\b(?:plan|tier|package) (?:called|named) ([A-Z][\w-]{1,30})"
)
_NOT_PLANS = frozenset({"a", "an", "the", "this", "that", "our", "each", "every", "their", "your", "its", "one", "no"})
_NEAR = MappingProxyType(
    {
        "price": re.compile(r"\b(?:pric\w*|charg\w*|sells?|sold|pays?|bill(?:s|ed)?|fees?|list)\b", re.IGNORECASE),
        "cost": re.compile(r"\b(?:costs?|costing|cogs|spend\w*|expens\w*|we pay|pays? for compute)\b", re.IGNORECASE),
    }
)
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

    Money is USD per unit, a margin a share (`0.7`). `state` is new, accepted or dismissed.
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
    """The cards of a text in its order, each value once with its first sentence; at most 60."""
    phrases = _phrases(vocabulary)
    cards: dict[tuple[str, str], Card] = {}
    for sentence in _sentences(text):
        for kind, value, label in _facts(sentence, phrases):
            card = Card(kind=kind, value=value, label=label, sentence=sentence, source=source)
            cards.setdefault((kind, value), card)
    return tuple(cards.values())[:MAX_CARDS]


def _sentences(text: str) -> Iterator[str]:
    for part in _SENTENCE.split(text):
        line = " ".join(part.split()).lstrip("#*-•> ")
        if line:
            yield line[:MAX_SENTENCE_LENGTH]


def _facts(sentence: str, phrases: Mapping[Fact, re.Pattern[str]]) -> Iterator[Fact]:
    lowered = sentence.casefold()
    for goal, words in _GOALS.items():
        if any(word in lowered for word in words):
            yield "goal", goal.value, goal.value.replace("_", " ")
    for term, pattern in phrases.items():
        if pattern.search(lowered):
            yield term
    yield from _money(sentence)
    yield from _margins(sentence)
    yield from _plans(sentence)


def _money(sentence: str) -> Iterator[Fact]:
    """Amounts of a sentence that also speaks of a price or a cost; the nearer word decides which."""
    for amount in _MONEY.finditer(sentence):
        kind = _nearest(sentence, amount.start())
        if kind is None:
            continue
        value = Decimal((amount[1] or amount[2]).replace(",", "")) / (100 if amount[3] else 1)
        yield kind, _exact(value), f"{kind} {amount[0].strip()}{_per(sentence, amount.end())}"


def _nearest(sentence: str, position: int) -> str | None:
    distances = [
        (abs(word.start() - position), kind) for kind, words in _NEAR.items() for word in words.finditer(sentence)
    ]
    return min(distances)[1] if distances else None


def _per(sentence: str, position: int) -> str:
    unit = re.match(r"\s*(?:per\b|an?\b|each\b|/)\s*([a-z]+)", sentence[position:], re.IGNORECASE)
    return f" per {unit[1].casefold()}" if unit else ""


def _margins(sentence: str) -> Iterator[Fact]:
    if _MARGIN.search(sentence):
        for percent in _PERCENT.finditer(sentence):
            share = Decimal(percent[1].replace(",", "")) / 100
            if share <= 1:
                yield "margin", _exact(share), f"margin {percent[1]} %"


def _plans(sentence: str) -> Iterator[Fact]:
    for plan in _PLAN.finditer(sentence):
        name = plan[1] or plan[2]
        if name.casefold() not in _NOT_PLANS:
            yield "plan", name, f"plan {name}"


def _phrases(vocabulary: Vocabulary) -> dict[Fact, re.Pattern[str]]:
    """The pattern that finds each term of the catalogs: its id as words, its label, and synonyms of the id's words."""
    kinds = ("metric", "event", "segment", "quality_signal")
    return {
        (kind, identifier, label or identifier): _any_of(_ways_to_say(identifier, label))
        for kind in kinds
        for identifier, label in getattr(vocabulary, kind).items()
    }


def _ways_to_say(identifier: str, label: str) -> Iterator[str]:
    yield identifier.casefold()
    yield identifier.replace("_", " ").casefold()
    yield label.casefold()
    for word in identifier.casefold().split("_"):
        yield from _SYNONYMS.get(word, ())


def _any_of(ways: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted({way for way in ways if len(way) > 1}, key=lambda way: (-len(way), way))
    return re.compile(r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")


def _exact(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
