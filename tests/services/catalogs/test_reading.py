"""What a workspace reads: its own entries before shared ones, dimensions of both, one spelling of each."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from app.models.base import AnySession
from app.models.catalog import EventCatalog, MetricCatalog
from app.services.catalogs.kinds import EVENTS, METRICS
from app.services.catalogs.reading import EventRow, entry_of, event_types_of, joined, keys_of, labels_of, reader
from app.services.configs.reading import load_catalogs, read_config
from app.services.usage.fields import Policy
from rules.gate import evaluate
from simulation.events import BASE_FIELDS
from tests import factories as f

NAMES = st.sampled_from(["model", "Model", "MODEL", "tokens", "Tokens", "region"])


def event(event_type: str, dimensions: Sequence[str], workspace_id: str | None = None) -> EventCatalog:
    return EventCatalog(event_type=event_type, dimensions=[*dimensions], workspace_id=workspace_id)


@pytest.fixture
def workplace(session: AnySession) -> AnySession:
    f.foundation(session)
    f.workspace(session, "ws_2")
    return session


def test_own_entries_are_read_by_their_workspace_alone(workplace: AnySession) -> None:
    workplace.add(event("chat_sent", ["model"], "ws_1"))
    workplace.flush()
    assert event_types_of(workplace, "ws_1")["chat_sent"] == ("model",)
    assert "chat_sent" not in event_types_of(workplace, "ws_2")
    assert "chat_sent" not in event_types_of(workplace, None)
    assert "chat_sent" in load_catalogs(workplace, "ws_1").events
    assert "chat_sent" not in load_catalogs(workplace, "ws_2").events


def test_the_dimensions_of_both_entries_are_joined(workplace: AnySession) -> None:
    workplace.add(event("draft_export_created", ["format"], "ws_1"))
    workplace.flush()
    assert event_types_of(workplace, "ws_1")["draft_export_created"] == ("format", "resolution")
    assert load_catalogs(workplace, "ws_1").events["draft_export_created"] == ("format", "resolution")
    row = entry_of(workplace, EVENTS, "ws_1", "draft_export_created")
    assert reader(workplace, EVENTS, "ws_1")(row)["dimensions"] == ["format", "resolution"]


def test_an_own_entry_takes_the_place_of_the_shared_one(workplace: AnySession) -> None:
    workplace.add(MetricCatalog(metric_id="gross_margin", label="Ours", type="lens", workspace_id="ws_1"))
    workplace.flush()
    labels = labels_of(workplace, METRICS, "ws_1")
    assert (labels.own, "gross_margin" in labels.shared) == ({"gross_margin": "Ours"}, False)
    assert keys_of(workplace, MetricCatalog, "ws_1").count("gross_margin") == 1
    assert load_catalogs(workplace, "ws_1").metric_ids.count("gross_margin") == 1
    assert "gross_margin" in labels_of(workplace, METRICS, "ws_2").shared


def test_two_workspaces_may_spell_a_dimension_in_two_ways(workplace: AnySession) -> None:
    workplace.add_all([event("chat_sent", ["Model"], "ws_1"), event("chat_sent", ["model"], "ws_2")])
    workplace.flush()
    assert event_types_of(workplace, "ws_1")["chat_sent"] == ("Model",)
    assert event_types_of(workplace, "ws_2")["chat_sent"] == ("model",)


def test_a_gate_reads_the_catalogs_of_the_configs_workspace(workplace: AnySession) -> None:
    f.config(workplace)
    assert "unit_event_mapping_invalid" not in codes(workplace)
    workplace.query(EventCatalog).filter_by(event_type="video_render_completed").delete()
    workplace.add(event("video_render_completed", ["resolution", "render_mode", "output_minutes"], "ws_2"))
    assert "unit_event_mapping_invalid" in codes(workplace)
    workplace.add(event("video_render_completed", ["resolution", "render_mode", "output_minutes"], "ws_1"))
    assert "unit_event_mapping_invalid" not in codes(workplace)


def codes(session: AnySession) -> set[str]:
    return {finding.code for finding in evaluate(read_config(session, "cfg_1").draft())}


@pytest.mark.parametrize("workspace_id", [None, "ws_1"])
def test_the_database_holds_a_key_once_per_workspace_and_once_as_shared(
    workplace: AnySession, workspace_id: str | None
) -> None:
    workplace.add_all([event("chat_sent", [], workspace_id), event("chat_sent", [], "ws_2")])
    workplace.flush()
    workplace.add(event("chat_sent", [], workspace_id))
    with pytest.raises(IntegrityError):
        workplace.flush()


ROWS = st.lists(st.tuples(st.sampled_from(["a", "b"]), st.lists(NAMES, max_size=3, unique_by=str.casefold)), max_size=4)


@given(own=ROWS, shared=st.lists(NAMES, max_size=3, unique_by=str.casefold))
def test_what_a_workspace_reads_never_holds_two_spellings_when_neither_side_does(
    own: list[tuple[str, list[str]]], shared: list[str]
) -> None:
    """A policy made of it is one that the event store takes, whatever seeds brought after the workspace's own words."""
    spelling: dict[str, str] = {}
    rows = [
        EventRow(name, [spelling.setdefault(word.casefold(), word) for word in words], "ws_1") for name, words in own
    ]
    read = joined([*rows, EventRow("a", shared, None)])
    policy = Policy("ws_1", {name: frozenset(words) for name, words in read.items()})
    assert {word.casefold() for word in shared} <= {
        word.casefold() for word in policy.known_dimensions | {*BASE_FIELDS}
    }
