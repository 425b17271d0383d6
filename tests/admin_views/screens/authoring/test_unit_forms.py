"""The unit's form: filter values as text, and a mapping that passes through unchanged."""

from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from admin_views.screens.authoring.filter_text import read_values, write_values
from admin_views.screens.authoring.unit_forms import UnitForm, controls_of, document_of
from simulation.canonical import Json
from tests import factories


@given(
    st.recursive(
        st.text(max_size=12) | st.booleans() | st.integers(-(10**9), 10**9) | st.decimals(-1000, 1000, places=6),
        lambda scalar: st.lists(scalar, min_size=1, max_size=4),
        max_leaves=4,
    ).filter(lambda value: not isinstance(value, list) or all(not isinstance(item, list) for item in value))
)
def test_filter_values_read_back_as_they_were(value: Json) -> None:
    expected = value if isinstance(value, list) else [value]
    read = read_values(write_values(value))
    assert read == expected
    assert [isinstance(item, bool) for item in read] == [isinstance(item, bool) for item in expected]
    assert [isinstance(item, str) for item in read] == [isinstance(item, str) for item in expected]


@pytest.mark.parametrize(
    "filters", [{"a": ["HD"]}, {"a": "HD"}, {"a": ["HD", 4]}, {"a": True}, {"a": Decimal("1.50")}, {}]
)
@pytest.mark.parametrize(
    "aggregation",
    [
        {"type": "count"},
        {"type": "count", "field": "x"},
        {"type": "sum", "field": "x"},
        {"type": "sum", "field": "x", "minus": "y"},
        {"type": "sum", "field": "x", "minus": None},
    ],
)
def test_a_mapping_passes_through_the_form_unchanged(sqlite_app: Flask, filters: Json, aggregation: Json) -> None:
    stored = factories.HD_MINUTE | {
        "event_mapping": {"event_type": "e", "filters": filters, "aggregation": aggregation}
    }
    with sqlite_app.test_request_context():
        shown = UnitForm(None, data=controls_of(stored))
        posted = MultiDict([("filter_dimension", row[0]) for row in shown.filters.rows])
        posted.update(MultiDict([("filter_values", row[1]) for row in shown.filters.rows]))
        posted.update({"event_type": "e", "aggregation_type": aggregation["type"]})
        posted.update({"aggregation_field": aggregation.get("field", "")})
        posted.update({"aggregation_minus": aggregation.get("minus") or ""})
        assert document_of(UnitForm(posted), stored)["event_mapping"] == stored["event_mapping"]
