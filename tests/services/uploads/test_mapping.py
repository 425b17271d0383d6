"""Guessing what a column is: by its name, by its values, and never two columns for one field."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.uploads.mapping import CATALOG, COSTS, FIELDS, LEFT_OUT, USAGE, KnownNames, guess
from app.services.usage.heads import Head

KNOWN = KnownNames(
    event_types={"video_render_completed"},
    dimensions=["output_minutes", "resolution"],
    customers={"cust_1", "cust_2"},
    segments={"smb"},
)
TIMES = ("2026-01-02T09:15:00Z", "2026-01-03T09:15:00Z")


def head(**columns: Sequence[str | None]) -> Head:
    return Head(tuple(columns), tuple(zip(*columns.values(), strict=True)))


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"ts": TIMES}, {"ts": "ts"}),
        ({"occurred_at": TIMES}, {"occurred_at": "ts"}),
        ({"Wann": TIMES}, {"Wann": "ts"}),
        ({"time": ("morning", "noon")}, {"time": "time"}),
        ({"date": TIMES, "ts": TIMES}, {"date": "date", "ts": "ts"}),
        ({"what": ("video_render_completed",) * 2}, {"what": "event_type"}),
        ({"who": ("cust_1", "cust_2")}, {"who": "customer_id"}),
        ({"size": ("smb", "smb")}, {"size": "segment"}),
        ({"Account ID": ("x", "y")}, {"Account ID": "customer_id"}),
        ({"id": ("x", "y")}, {"id": "event_id"}),
        ({"id": ("x", "x")}, {"id": "id"}),
        ({"event_id": ("x", "x")}, {"event_id": "event_id"}),
        ({"Output-Minutes": ("6", "4")}, {"Output-Minutes": "output_minutes"}),
        ({"outputMinutes": ("6", "4")}, {"outputMinutes": "output_minutes"}),
        ({"frames per second": ("6", "4")}, {"frames per second": "frames_per_second"}),
        ({"note": (None, None)}, {"note": LEFT_OUT}),
        ({"": ("0", "1")}, {"": LEFT_OUT}),
        ({"Größe": ("0", "1")}, {"Größe": "gr_sse"}),
        ({"workspace_id": ("ws_1", "ws_1")}, {"workspace_id": "workspace_id"}),
    ],
)
def test_a_column_of_usage_events_is_recognised(
    columns: dict[str, tuple[str | None, ...]], expected: dict[str, str]
) -> None:
    assert guess(USAGE, head(**columns), KNOWN) == expected


def test_values_decide_between_two_columns_of_usual_names() -> None:
    columns = {"name": ("Ada", "Bob"), "action": ("video_render_completed",) * 2}
    assert guess(USAGE, head(**columns), KNOWN)["action"] == "event_type"


def test_costs_and_catalogs_leave_out_what_they_do_not_know() -> None:
    assert guess(COSTS, head(item=("x", "y"), cost=("$1", "2"), remark=("a", "b")), KNOWN) == {
        "item": "name",
        "cost": "cost_per_unit_usd",
        "remark": LEFT_OUT,
    }
    assert guess(CATALOG, head(event=("x", "y"), properties=("a,b", "c")), KNOWN) == {
        "event": LEFT_OUT,
        "properties": "dimensions",
    } | guess(CATALOG, head(event=("x", "y")), KNOWN)


@given(
    kind=st.sampled_from(sorted(FIELDS)),
    columns=st.dictionaries(
        st.one_of(
            st.sampled_from(["ts", "time", "event", "id", "customer", "cost", "resolution", "Resolution"]), st.text()
        ),
        st.lists(st.one_of(st.none(), st.sampled_from([*TIMES, "cust_1", "smb", "6", "x"])), min_size=2, max_size=2),
        max_size=8,
    ),
)
def test_every_column_has_a_place_and_no_field_two_columns(kind: str, columns: dict[str, list[str | None]]) -> None:
    found = guess(kind, head(**columns) if columns else Head((), ()), KNOWN)
    assert list(found) == list(columns)
    used = [target for target in found.values() if target != LEFT_OUT]
    assert len(used) == len(set(used))
    assert kind == USAGE or set(used) <= set(FIELDS[kind])
