"""Values as text: exact, in UTC, escaped; HTML for pages, plain for CSV. No formatter reads the database."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from markupsafe import Markup, escape

from app.models.base import CanonicalJSON, ExactDecimal, UtcDateTime
from simulation.canonical import Json, canonical_text, number_text, parse_exact

NOT_SET = Markup('<span class="unset">not set</span>')
SHORT_TEXT, SHORT_JSON = 80, 72
LABELS = {"target_environment": "Environment", "workspace_id": "Workspace"}
ACRONYMS = {"id": "ID", "ids": "IDs", "usd": "USD"}
MARKS = {"green": "✓", "amber": "!", "red": "✕", "completed": "✓", "failed": "✕"}


def label_of(name: str) -> str:
    """`avg_cost_per_unit_usd` → `Avg cost per unit, USD`: units belong in the head of a column."""
    if name in LABELS:
        return LABELS[name]
    words = [ACRONYMS.get(word, word) for word in name.split("_")]
    text = " ".join(words[:-1]) + ", USD" if words[-1] == "USD" and len(words) > 1 else " ".join(words)
    return text[0].upper() + text[1:]


def kind_of(column: sa.Column[object]) -> str:
    """The kind of a column: enum, decimal, time, json, integer, flag, bytes, or text."""
    kinds = (
        (sa.Enum, "enum"),
        (ExactDecimal, "decimal"),
        (UtcDateTime, "time"),
        (CanonicalJSON, "json"),
        (sa.Boolean, "flag"),
        (sa.Integer, "integer"),
        (sa.LargeBinary, "bytes"),
    )
    return next((kind for type_, kind in kinds if isinstance(column.type, type_)), "text")


def short(value: Json, kind: str) -> Markup:
    """A stored value on one line, as a cell of a list shows it."""
    if value is None:
        return NOT_SET
    if kind == "json":
        return Markup('<span class="brief">{}</span>').format(_clipped(_json_line(value), SHORT_JSON))
    if kind == "text":
        return _clipped(value, SHORT_TEXT)
    return SCALARS[kind](value)


def full(value: Json, kind: str) -> Markup:
    """A stored value with all of its text, as the details page shows it."""
    if value is None:
        return NOT_SET
    if kind == "json" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return escape(_json_line(value))
    if kind in ("json", "bytes"):
        document = parse_exact(value.decode()) if kind == "bytes" else value
        return Markup('<pre class="json">{}</pre>').format(pretty_json(document))
    if kind == "text":
        return Markup('<span class="long">{}</span>').format(value)
    return SCALARS[kind](value)


def plain(value: Json, kind: str) -> str:
    """A stored value as the text of a CSV cell (`rules.csv_cells.csv_line` writes it)."""
    if value is None:
        return ""
    if kind == "time":
        return iso(value)
    if kind == "decimal":
        return number_text(value)
    if kind == "flag":
        return "true" if value else "false"
    if kind == "json":
        return canonical_text(value)
    return value.decode() if kind == "bytes" else str(value)


def decimal_text(value: Decimal) -> str:
    """A decimal with every place of its own, thousands separated: `1,234.5`, `0.0000025`."""
    return f"{value:,f}"


def iso(moment: datetime) -> str:
    """`2026-01-15T00:00:00Z`, with microseconds only where there are any."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def time_text(moment: datetime) -> str:
    """`2026-01-15 00:00 UTC`: to the minute."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def pretty_json(document: Json, indent: str = "") -> str:
    """JSON on many lines: two spaces a level, keys as stored, decimals exact, letters of every script unescaped."""
    deeper = indent + "  "
    if isinstance(document, dict) and document:
        rows = [f"{canonical_text(str(key))}: {pretty_json(value, deeper)}" for key, value in document.items()]
        return "{\n" + ",\n".join(deeper + row for row in rows) + f"\n{indent}}}"
    if isinstance(document, list) and document:
        return "[\n" + ",\n".join(deeper + pretty_json(item, deeper) for item in document) + f"\n{indent}]"
    return canonical_text(document)


def enum_pill(value: str) -> Markup:
    """A value of a closed list as a coloured pill, with a mark where the colour means something."""
    mark = MARKS.get(value)
    sign = Markup('<span aria-hidden="true">{}</span> ').format(mark) if mark else ""
    return Markup('<span class="pill pill-{}">{}{}</span>').format(value, sign, value.replace("_", " "))


def _time(moment: datetime) -> Markup:
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(iso(moment), time_text(moment))


def _json_line(value: Json) -> str:
    """A list of names with commas between, a flat object as its fields, anything else as JSON on one line."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or "none"
    if isinstance(value, dict) and value and not any(isinstance(item, dict | list) for item in value.values()):
        return " · ".join(
            f"{key} {item if isinstance(item, str) else canonical_text(item)}" for key, item in value.items()
        )
    return canonical_text(value)


def _clipped(text: str, limit: int) -> Markup:
    if len(text) <= limit:
        return escape(text)
    return Markup('<span title="{}">{}…</span>').format(text[: 8 * limit], text[: limit - 1])


SCALARS: dict[str, Callable[[Json], Markup]] = {
    "decimal": lambda value: escape(decimal_text(value)),
    "integer": lambda value: escape(f"{value:,}"),
    "flag": lambda value: Markup("yes") if value else Markup("no"),
    "time": _time,
    "enum": enum_pill,
    "bytes": lambda value: escape(f"{len(value):,} bytes"),
}
