"""The prose of a page: what people read in sentences, without the places where ids and names of programs belong."""

import re
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser

from app.models.base import db

MADE_ID = re.compile(r"\b(?:ws|cycle|ctx|vu|vus|cfg|pool|sim|dec|bp|enf|learn|imp|pe)_\w+")
SNAKE_CASE = re.compile(r"\b[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")
ADDRESS = re.compile(r"/api/\S+")
"""An address that an app asks is for programs, wherever it stands."""
ID_CLASSES = frozenset({"id", "code", "command"})
"""Classes of the elements in which an id may stand: small type, monospace, beside or beneath the name."""
NO_PROSE = frozenset({"script", "style", "code", "pre", "textarea", "template", "button"})
VOID = frozenset({"input", "br", "img", "meta", "link", "hr", "path", "rect", "line", "circle", "wbr", "col", "source"})


class Prose(HTMLParser):
    """Collects the texts of a page's body that stand in no element for ids or code."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            classes = set((dict(attrs).get("class") or "").split())
            self.open.append((tag, tag in NO_PROSE or bool(classes & ID_CLASSES)))

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if data.strip() and not any(is_no_prose for _, is_no_prose in self.open):
            self.texts.append(" ".join(ADDRESS.sub("", data).split()))


def prose(page: str) -> list[str]:
    """The texts of a page that people read."""
    parser = Prose()
    parser.feed(page)
    return parser.texts


def raw_ids(page: str) -> list[str]:
    """The texts of the page in which the id of a record stands."""
    return [text for text in prose(page) if MADE_ID.search(text)]


def field_names(page: str) -> list[str]:
    """The texts of the page in which a canonical field name stands."""
    return [text for text in prose(page) if set(SNAKE_CASE.findall(text)) & FIELDS]


def _columns() -> Iterator[str]:
    for table in db.metadata.tables.values():
        yield from (column.name for column in table.columns if "_" in column.name)


EMBEDDED: Mapping[str, tuple[str, ...]] = {
    "unit_economics": ("avg_cost_per_unit_usd", "target_price_per_unit_usd", "target_margin", "economics_confidence"),
    "rollover": ("max_rollover_quantity", "expires_after_days"),
    "run": ("blocking_issues", "completeness_result", "historical_window_days", "candidate_content_hash"),
}
FIELDS = frozenset(_columns()) | {name for names in (EMBEDDED, *EMBEDDED.values()) for name in names if "_" in name}
"""The canonical names of fields, which programs use and no sentence does."""
