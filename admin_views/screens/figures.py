"""Figures as operators read them: money, shares, quantities and moments; None is "not measured", zero is 0."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup, escape

from admin_views.formatters import iso, time_text
from app import clock
from rules.amounts import money_text, percent_text, price_text, quantity_text
from rules.labels import in_words, label_text, missing_text
from rules.risks import risk_sentence
from rules.terms_start import clause

NOT_MEASURED = Markup('<span class="unset">not measured</span>')
SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

Number = int | Decimal | None


def money(value: Number) -> Markup:
    """A computed amount in USD: `$1,234.50`, `$0.695`, `−$3.00`."""
    return NOT_MEASURED if value is None else escape(money_text(value))


def price(value: Number) -> Markup:
    """A price or a limit in USD with every place that it has: `$0.60`, `$0.00000015`."""
    return NOT_MEASURED if value is None else escape(price_text(value))


def share(value: Number) -> Markup:
    """A stored share as per cent, to a tenth: 0.685 is `68.5 %`."""
    return NOT_MEASURED if value is None else escape(percent_text(value))


def quantity(value: Number) -> Markup:
    """A count or an amount, exact."""
    return NOT_MEASURED if value is None else escape(quantity_text(value))


def change(value: Number, kind: str = "quantity") -> Markup:
    """A difference with its sign and, for shares, in percentage points: `+$3.00`, `−2.1 pp`, `no change`."""
    if value is None:
        return NOT_MEASURED
    if value == 0:
        return Markup("no change")
    plus = "+" if value > 0 else ""
    if kind == "share":
        text = percent_text(value).replace("%", "pp")
    else:
        text = str(money(value) if kind == "money" else quantity(value))
    return escape(plus + text)


def moment(value: datetime | str | None) -> Markup:
    """A moment in UTC, with its distance to now on hover."""
    if value is None:
        return Markup('<span class="unset">not set</span>')
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(iso(value), ago(value), time_text(value))


def ago(value: datetime) -> str:
    """The distance of a moment to now: `3 days ago`, `in 2 hours`, `just now`."""
    seconds = (clock.now() - value).total_seconds()
    for name, length in SPANS:
        count = int(abs(seconds) // length)
        if count:
            text = f"{count} {name}{'s' if count > 1 else ''}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


def identifier(value: str | None) -> Markup:
    """An id in monospace with its copy button."""
    if not value:
        return Markup('<span class="unset">none</span>')
    return Markup(
        '<span class="id">{0}</span> '
        '<button type="button" class="copy" data-copy="{0}" aria-label="Copy {0}">Copy</button>'
    ).format(value)


def words(value: str | None) -> str:
    """A value of a closed list as words: `allow_overage` → `allow overage`."""
    return "" if value is None else value.replace("_", " ")


FILTERS: Mapping[str, Callable[..., str]] = {
    "money": money,
    "price": price,
    "share": share,
    "quantity": quantity,
    "change": change,
    "moment": moment,
    "identifier": identifier,
    "words": words,
    "label": label_text,
    "in_words": in_words,
    "missing": missing_text,
    "risk_sentence": risk_sentence,
    "terms_start": clause,
}
"""The figures as filters of the templates, by the name that a template calls them."""
