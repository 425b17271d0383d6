"""An event catalog from a file: what is new is added, what is there stays, what cannot be is rejected."""

import pytest
from flask import Flask

from app.models.base import db
from app.models.catalog import EventCatalog
from app.models.transactions import write
from app.services.uploads.catalog import keep_catalog, known_dimensions, read_catalog
from tests import factories as f


def row(number: int, event_type: str, dimensions: str = "", description: str = "") -> tuple[int, dict[str, str]]:
    return number, {"event_type": event_type, "dimensions": dimensions, "description": description}


@pytest.mark.parametrize("written", ["a, b", "a;b", "a|b", "a\nb", '["a", "b"]', "a, b, a"])
def test_dimensions_are_read_however_they_are_listed(written: str) -> None:
    (entry,), rejects, accepted = read_catalog([row(1, "x", written)], [])
    assert (entry.dimensions, rejects, accepted) == (("a", "b"), [], 1)


@pytest.mark.parametrize(
    ("event_type", "dimensions", "reason"),
    [
        ("", "", "event_type is missing"),
        ("x\x07", "", "control characters"),
        ("x" * 201, "", "more than 200"),
        ("x", "1st", "cannot name a dimension"),
        ("x", '["a"', "cannot name a dimension"),
        ("x", "Resolution", "differs from 'resolution' only in case"),
        ("x", "a, A", "differs from 'a' only in case"),
        ("x", "Segment", "differs from 'segment' only in case"),
    ],
)
def test_a_row_that_cannot_be_is_rejected_with_its_reason(event_type: str, dimensions: str, reason: str) -> None:
    entries, (reject,), accepted = read_catalog([row(1, event_type, dimensions)], ["resolution"])
    assert (entries, accepted, reject.row) == ([], 0, 1)
    assert reason in reject.reason


def test_rows_about_one_event_type_are_taken_together() -> None:
    (entry,), _, accepted = read_catalog([row(1, "x", "a", "First"), row(2, "x", "b")], [])
    assert (entry.dimensions, entry.description, accepted) == (("a", "b"), "First", 2)


def test_an_entry_that_is_there_gains_dimensions_and_loses_none(sqlite_app: Flask) -> None:
    with write(db.session):
        f.catalogs(db.session)
        rows = [row(1, "draft_export_created", "format"), row(2, "voice_generated", "seconds", "A voice")]
        entries, _, _ = read_catalog(rows, known_dimensions(db.session))
        assert keep_catalog(db.session, entries) == ["voice_generated"]
    assert db.session.get_one(EventCatalog, "draft_export_created").dimensions == ["resolution", "format"]
    assert db.session.get_one(EventCatalog, "voice_generated").description == "A voice"
