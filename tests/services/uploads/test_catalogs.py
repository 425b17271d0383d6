"""Entries of catalogs from a file: what is new is added, what is there stays, what cannot be is rejected."""

import pytest
from flask import Flask

from app.actor import Actor
from app.models.base import db
from app.models.catalog import EventCatalog
from app.models.transactions import write
from app.services.catalogs.entries import Judged, Words, judge
from app.services.catalogs.kinds import CUSTOMERS, EVENTS, METRICS, Kind
from app.services.catalogs.reading import event_types_of
from app.services.uploads.catalogs import EntriesReport, import_entries
from tests import factories as f

OPERATOR = Actor("test")
Row = tuple[int, dict[str, str]]


def row(number: int, event_type: str, dimensions: str = "", description: str = "") -> Row:
    return number, {"event_type": event_type, "dimensions": dimensions, "description": description}


def judged(*rows: Row, known: tuple[str, ...] = ()) -> Judged:
    return judge(EVENTS, rows, Words.naming(known))


def taken(kind: Kind, *rows: Row, workspace_id: str = "ws_1", stored: tuple[str, ...] = ()) -> EntriesReport:
    """The rows imported as a file of the workspace."""
    with write(db.session):
        return import_entries(
            db.session,
            kind,
            workspace_id,
            rows,
            stored_dimensions=stored,
            entity_id="up_1",
            actor=OPERATOR,
            now=f.NOW,
        )


@pytest.mark.parametrize("written", ["a, b", "a;b", "a|b", "a\nb", '["a", "b"]', "a, b, a"])
def test_dimensions_are_read_however_they_are_listed(written: str) -> None:
    result = judged(row(1, "x", written))
    assert (result.entries["x"]["dimensions"], result.problems, result.accepted) == (["a", "b"], (), 1)


@pytest.mark.parametrize(
    ("event_type", "dimensions", "reason"),
    [
        ("", "", "event_type is missing"),
        ("x\x07y", "", "U+0007"),
        ("x" * 201, "", "more than 200"),
        ("x", "1st", "cannot name a dimension"),
        ("x", '["a"', "cannot name a dimension"),
        ("x", "Resolution", "differs from 'resolution' only in case"),
        ("x", "a, A", "differs from 'a' only in case"),
        ("x", "Segment", "differs from 'segment' only in case"),
    ],
)
def test_a_row_that_cannot_be_is_rejected_with_its_reason(event_type: str, dimensions: str, reason: str) -> None:
    result = judged(row(1, event_type, dimensions), known=("resolution",))
    (problem,) = result.problems
    assert (result.entries, result.accepted, problem.row) == ({}, 0, 1)
    assert reason in problem.reason


def test_rows_about_one_event_type_are_taken_together() -> None:
    result = judged(row(1, "x", "a", "First"), row(2, "x", "b"))
    assert result.accepted == 2
    assert result.entries == {"x": {"event_type": "x", "dimensions": ["a", "b"], "description": "First"}}


@pytest.fixture
def workplace(app: Flask) -> None:
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
        f.workspace(db.session, "ws_2")


@pytest.mark.usefixtures("workplace")
def test_a_file_adds_to_the_workspaces_own_entries_and_leaves_the_shared_ones_alone() -> None:
    report = taken(EVENTS, row(1, "draft_export_created", "format"), row(2, "voice_generated", "seconds", "A voice"))
    assert report.kept.added == ["draft_export_created", "voice_generated"]
    assert f.entry(db.session, EVENTS, "draft_export_created").dimensions == ["resolution"]
    assert f.entry(db.session, EVENTS, "draft_export_created", "ws_1").dimensions == ["format"]
    assert f.entry(db.session, EVENTS, "voice_generated", "ws_1").description == "A voice"
    assert f.entry(db.session, EVENTS, "voice_generated", "ws_2") is None


@pytest.mark.usefixtures("workplace")
def test_an_entry_that_is_there_gains_dimensions_and_loses_none() -> None:
    taken(EVENTS, row(1, "voice_generated", "seconds", "A voice"))
    assert taken(EVENTS, row(1, "voice_generated", "voice_id")).kept == ([], ["voice_generated"])
    entry = f.entry(db.session, EVENTS, "voice_generated", "ws_1")
    assert (entry.dimensions, entry.description) == (["seconds", "voice_id"], "A voice")


@pytest.mark.usefixtures("workplace")
def test_the_same_file_again_changes_nothing() -> None:
    rows = [(1, {"metric_id": "nps", "label": "Promoters", "type": "north_star"})]
    assert taken(METRICS, *rows).kept == (["nps"], [])
    assert taken(METRICS, *rows).kept == ([], [])


@pytest.mark.usefixtures("workplace")
def test_what_a_row_leaves_out_stays_and_a_new_entry_is_named_by_its_key() -> None:
    taken(METRICS, (1, {"metric_id": "nps", "label": "Promoters", "type": "lens"}))
    taken(METRICS, (1, {"metric_id": "nps", "type": "north_star"}), (2, {"metric_id": "ltv", "type": "lens"}))
    nps, ltv = (f.entry(db.session, METRICS, key, "ws_1") for key in ("nps", "ltv"))
    assert (nps.label, nps.type, ltv.label) == ("Promoters", "north_star", "ltv")


@pytest.mark.usefixtures("workplace")
def test_a_customer_of_an_unknown_segment_is_rejected_with_the_fix() -> None:
    report = taken(CUSTOMERS, (1, {"customer_id": "a", "segment": SMB}), (2, {"customer_id": "b", "segment": "smbb"}))
    assert report.kept.added == ["a"]
    (reject,) = report.rejects
    assert (reject.row, reject.field) == (2, "segment")
    assert reject.reason == "segment 'smbb' is not in the catalog: correct it, or add it to the segments"


SMB = f.SEGMENT


@pytest.fixture
def shared_model(sqlite_app: Flask) -> None:
    """An older installation: another workspace's file once put `Model` into the shared catalog."""
    f.foundation(db.session)
    f.workspace(db.session, "ws_2")
    db.session.add(EventCatalog(event_type="chat_sent", description="", dimensions=["Model"]))
    db.session.commit()


def test_a_shared_spelling_that_a_workspace_uses_nowhere_does_not_bar_its_own(shared_model: None) -> None:
    report = taken(EVENTS, row(1, "chat_sent", "model"), workspace_id="ws_2")
    assert (report.accepted, report.rejects) == (1, [])
    assert event_types_of(db.session, "ws_2")["chat_sent"] == ("model",)
    assert event_types_of(db.session, "ws_1")["chat_sent"] == ("Model",)


def test_a_spelling_that_stored_events_or_units_use_is_kept(shared_model: None) -> None:
    (reject,) = taken(EVENTS, row(1, "chat_sent", "model"), workspace_id="ws_2", stored=("Model",)).rejects
    assert "differs from 'Model' only in case" in reject.reason
    (reject,) = taken(EVENTS, row(1, "x", "Resolution")).rejects
    assert "differs from 'resolution' only in case" in reject.reason
    assert taken(EVENTS, row(1, "x", "Resolution"), workspace_id="ws_2").accepted == 1
