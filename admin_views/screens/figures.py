"""Figures as operators read them: money, shares, quantities and moments; None is "not measured", zero is 0."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from markupsafe import Markup, escape

from admin_views.formatters import iso, time_text
from app import clock

NOT_MEASURED = Markup('<span class="unset">not measured</span>')
MONEY_PLACES, SHARE_PLACES = 2, 1
SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60))

Number = int | Decimal | None


def plain_number(value: Decimal | int, least_places: int = 0) -> str:
    """A number with thousands separated and no zeros at its end beyond `least_places` decimal places: `1,234.50`."""
    whole, _, places = f"{Decimal(value):,f}".partition(".")
    places = places.rstrip("0").ljust(least_places, "0")
    return f"{whole}.{places}" if places else whole


def money(value: Number) -> Markup:
    """An amount in USD: `$1,234.50`, `$0.0000025`, `−$3.00`."""
    if value is None:
        return NOT_MEASURED
    sign = "−" if value < 0 else ""
    return escape(f"{sign}${plain_number(Decimal(value).copy_abs(), MONEY_PLACES)}")


def share(value: Number) -> Markup:
    """A stored share as per cent: 0.685 is `68.5 %`."""
    return NOT_MEASURED if value is None else escape(_signed(_percent(value)) + " %")


def quantity(value: Number) -> Markup:
    """A count or an amount, exact."""
    return NOT_MEASURED if value is None else escape(_signed(plain_number(value)))


def change(value: Number, kind: str = "quantity") -> Markup:
    """A difference with its sign and, for shares, in percentage points: `+$3.00`, `−2.1 pp`, `no change`."""
    if value is None:
        return NOT_MEASURED
    if value == 0:
        return Markup("no change")
    plus = "+" if value > 0 else ""
    if kind == "share":
        text = f"{_signed(_percent(value))} pp"
    else:
        text = str(money(value) if kind == "money" else quantity(value))
    return escape(plus + text)


def moment(value: datetime | None) -> Markup:
    """A moment in UTC, with its distance to now on hover."""
    if value is None:
        return Markup('<span class="unset">not set</span>')
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


def _percent(value: Decimal | int) -> str:
    return plain_number(round(Decimal(value) * 100, SHARE_PLACES))


def _signed(text: str) -> str:
    return text.replace("-", "−")


FILTERS: Mapping[str, Callable[..., str]] = {
    "money": money,
    "share": share,
    "quantity": quantity,
    "change": change,
    "moment": moment,
    "identifier": identifier,
    "words": words,
}
"""The figures as filters of the templates, by the name that a template calls them."""
