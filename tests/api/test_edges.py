"""What comes in is bounded at the edge: beyond a limit stands a sentence that names it, and never a fault of ours."""

import json
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.register import OPERATIONS
from app.models.base import db
from simulation.canonical import Json, parse_exact, timestamp_text
from simulation.edges import MAX_NUMBER_CHARACTERS, MAX_OBJECT_CHARACTERS, MAX_PARAMETERS, MAX_QUERY_CHARACTERS
from tests import factories
from tests.api.conftest import Api

RAILS, EXPLORATION = "/api/configs/cfg_1/rails", "/api/configs/cfg_1/exploration"
UNIT = {"cycle_id": "cycle_1", "name": "Minute", "unit_type": "usage"}


@pytest.fixture
def draft(sqlite_studio: Api) -> Api:
    factories.config(db.session)
    db.session.commit()
    return sqlite_studio


@pytest.mark.parametrize("written", ["1e1000000", "-1e1000000", "1e-1000000", "1e999999999999", "9" * 101])
def test_a_number_without_end_is_refused_at_its_field(draft: Api, written: str) -> None:
    for path, body in (
        (RAILS, f'{{"monthly_spend_cap_usd": {written}}}'),
        (RAILS, f'{{"usage_thresholds": [{{"percent": {written}, "action": "warn"}}]}}'),
        (EXPLORATION, f'{{"expires_after_days": {written}}}'),
    ):
        answer = draft.client.patch(path, data=body, content_type="application/json")
        assert answer.status_code == 400
        problem = parse_exact(answer.text)
        assert f"at most {MAX_NUMBER_CHARACTERS} characters" in problem["detail"]
        assert problem["errors"][0]["pointer"]


def test_a_large_free_object_is_refused_and_a_small_one_is_taken(draft: Api) -> None:
    contexts = "/api/cycle-draft-contexts"
    card = {"kind": "goal", "text": "x" * MAX_OBJECT_CHARACTERS}
    refusal = draft.post(contexts, {"workspace_id": "ws_1", "extracted_cards": [card]}, 422)
    assert f"at most {MAX_OBJECT_CHARACTERS:,} characters" in refusal.text
    draft.post(contexts, {"workspace_id": "ws_1", "extracted_cards": [{"kind": "goal", "text": "x"}]})


def test_a_body_of_very_many_values_is_refused_before_they_are_looked_at(draft: Api) -> None:
    for body in ("[" + "1," * 400_000 + "1]", json.dumps({f"k{n}": n for n in range(300_000)})):
        answer = draft.client.post("/api/cycles", data=body, content_type="application/json")
        assert answer.status_code == 413
        assert "more than 200,000 values" in answer.text


def test_many_ids_are_compared_in_linear_time(draft: Api) -> None:
    ids = [f"m{number}" for number in range(100_000)]
    body = {"workspace_id": "ws_1", "cycle_name": "x", "cycle_type": "production", "segments": ids}
    assert "1 to 200 items" in draft.post("/api/cycles", body, 422).text


@pytest.mark.parametrize("path", ["/api/workspaces", "/", "/catalogs", "/admin/cycles/"])
def test_a_long_address_is_refused_at_every_door(draft: Api, path: str) -> None:
    for query in ("q=" + "x" * MAX_QUERY_CHARACTERS, "&".join(f"a{n}=1" for n in range(MAX_PARAMETERS + 1))):
        answer = draft.client.get(f"{path}?{query}")
        assert answer.status_code == 414
        assert "question mark" in answer.text or "parameters" in answer.text


NUMBERS = {
    "largest": "99999999999999.999999999999",
    "smallest": "0.000000000001",
    "twelve places": "0.123456789012",
    "33.333": "33.333",
    "minus zero": "-0.0",
    "with an exponent": "1e13",
    "zeros at its end": "1." + "0" * 60,
    "thirteen places": "0.1234567890123",
    "too large": "1e14",
    "huge exponent": "1e400",
    "tiny": "1e-400",
    "endless exponent": "1e1000000",
    "long": "9" * 5_000,
    "NaN": "NaN",
    "Infinity": "-Infinity",
    "a text": '"12"',
    "true": "true",
}
"""What may be written where a number belongs."""
FIELDS = {
    "cap": (RAILS, '{"monthly_spend_cap_usd": %s}'),
    "floor": (RAILS, '{"margin_floor": %s}'),
    "threshold": (RAILS, '{"usage_thresholds": [{"percent": %s, "action": "warn"}]}'),
    "usage cap": (RAILS, '{"absolute_usage_caps": [{"value_unit_id": "vu_hd_minute", "max_quantity": %s}]}'),
    "included": ("/api/configs/cfg_1/pools/pool_core", '{"included_quantity": %s}'),
    "rollover": ("/api/configs/cfg_1/pools/pool_core", '{"rollover": {"enabled": true, "max_rollover_quantity": %s}}'),
    "carried days": ("/api/configs/cfg_1/pools/pool_core", '{"rollover": {"enabled": true, "expires_after_days": %s}}'),
    "position": ("/api/configs/cfg_1/pools/pool_core", '{"position": %s}'),
    "days": (EXPLORATION, '{"expires_after_days": %s}'),
    "staleness": ("/api/configs/cfg_1", '{"delivery": {"max_staleness_seconds": %s}}'),
    "snapshot": ("/api/configs/cfg_1", '{"value_unit_snapshot_version": %s}'),
    "period": ("/api/cycles/cycle_1", '{"period_length_days": %s}'),
    "cost": ("/api/value-units/vu_hd_minute", '{"unit_economics": {"avg_cost_per_unit_usd": %s}}'),
    "price": ("/api/value-units/vu_hd_minute", '{"unit_economics": {"target_price_per_unit_usd": %s}}'),
    "margin": ("/api/value-units/vu_hd_minute", '{"unit_economics": {"target_margin": %s}}'),
    "filter": ("/api/value-units/vu_hd_minute", '{"event_mapping": {"event_type": "draft_export_created", '
               '"filters": {"resolution": %s}, "aggregation": {"type": "count"}}}'),
}  # fmt: skip
"""Every number that operators give → where, and in what body."""
PLACES = (
    "/configs/cfg_1/pools", "/configs/cfg_1/exploration", "/configs/cfg_1/rails", "/configs/cfg_1/simulate",
    "/configs/cfg_1/approve", "/cycles/cycle_1/value-units?unit=vu_hd_minute", "/admin/pools/", "/admin/rails/",
    "/admin/value-units/", "/admin/pools/export/csv/", "/api/configs/cfg_1", "/api/configs/cfg_1/rails",
    "/api/value-units",
)  # fmt: skip
"""Where these numbers are shown."""


@pytest.mark.parametrize("name", FIELDS)
def test_every_number_is_taken_and_shown_or_refused_in_a_sentence(draft: Api, name: str) -> None:
    path, body = FIELDS[name]
    taken = []
    for number, written in NUMBERS.items():
        answer = draft.client.patch(path, data=body % written, content_type="application/json")
        assert answer.status_code in (200, 400, 422), f"{name} {number}: {answer.status} {answer.text[:300]}"
        if answer.status_code == 200:
            taken.append(number)
            for place in PLACES:
                shown = draft.client.get(place)
                assert shown.status_code in (200, 302), f"{name} {number} at {place}: {shown.status}"
        else:
            assert parse_exact(answer.text)["errors"][0]["detail"], f"{name} {number}"
    assert not {"too large", "huge exponent", "NaN", "long", "endless exponent"} & {*taken}


@pytest.mark.parametrize("amount", ["99999999999999.999999999999", "0.000000000001", "0.123456789012"])
def test_the_numbers_at_the_ends_of_the_range_go_all_the_way(sqlite_app: Flask, amount: str) -> None:
    """From the draft over the simulation, the decision and the documents to what apps and ledgers read."""
    number = Decimal(amount)
    api = Api(sqlite_app)
    factories.catalogs(db.session)
    factories.workspace(db.session)
    factories.cycle(db.session)
    price = min(number, Decimal("1.5"))  # the largest price of the largest quantity is more than a run can add up
    economics = {"avg_cost_per_unit_usd": price, "target_price_per_unit_usd": price, "economics_confidence": "high"}
    priced = factories.HD_MINUTE | {"unit_economics": economics | {"target_margin": Decimal(0)}}
    factories.snapshot(db.session, factories.CYCLE, priced, factories.DRAFT_EXPORT)
    caps = [{"value_unit_id": "vu_hd_minute", "max_quantity": number, "action": "block"}]
    rails = factories.RAILS | {"monthly_spend_cap_usd": number, "absolute_usage_caps": caps}
    rollover = {"enabled": True, "max_rollover_quantity": number}
    core = factories.CORE | {"included_quantity": number, "rollover": rollover}
    factories.config(db.session, rails=rails, pools=[core, factories.EXPLORATION_POOL])
    db.session.commit()
    asked = {"candidate_config_version_id": "cfg_1", "historical_window_days": 30}
    run = api.send("POST", "/api/simulations", asked)
    assert run.status_code in (200, 201), run.text
    who = {"approver_name": "Ann", "approver_role": "CEO", "rationale": "It holds."}
    who |= {"effective_at": timestamp_text(factories.NOW)}
    chosen = {"config_version_id": "cfg_1", "simulation_run_id": parse_exact(run.text)["simulation_run_id"]}
    decided = api.send("POST", "/api/approve", who | chosen)
    assert decided.status_code == 201, decided.text
    for place in ("/configs/cfg_1/review", "/configs/cfg_1/approve", "/decision-log", *PLACES):
        assert api.client.get(place).status_code in (200, 302), place
    served = api.client.get("/api/runtime/config", query_string=dict(factories.SUBJECT))
    assert served.status_code == 200, served.text
    shown = next(pool for pool in parse_exact(served.text)["pools"] if pool["pool_id"] == "pool_core")
    assert shown["included_quantity"] == number
    for ledger in ("stripe", "lago", "orb", "metronome", "openmeter"):
        rendered = api.client.get(f"/api/billing-patch/cfg_1?format={ledger}")
        assert rendered.status_code in (200, 409, 422), ledger


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(10**60), 10**60), st.text(st.characters(), max_size=6),
    st.sampled_from(["\u202e", "\ud800", "", " ", "2026-01-01T00:00:00Z", "ws_1", "cycle_1", "cfg_1", "smb"]),
)  # fmt: skip
NAMES = st.sampled_from(
    ["workspace_id", "cycle_id", "segment", "name", "rails", "pools", "absolute_usage_caps", "max_quantity", "context",
     "filters", "event_mapping", "usage_thresholds", "percent", "delivery", "", "a/b", "\u202e", "value_unit_id"]
)  # fmt: skip
VALUES = st.recursive(
    ODD, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner)), max_leaves=12
)
RAW = st.sampled_from(
    [b"", b"nul", b"[", b'{"a":1,"a":2}', b"1e1000000", b'{"a":1e99999999999999999999}', b"[" * 5_000, b"\xff\xfe",
     b'"\\ud800"', b"-0", b'{"a":NaN}', b"{}" * 3, b"[[[[" + b"]]]]", b"\xef\xbb\xbf{}", b'{"\\u0000":1}', b"9" * 5_000]
)  # fmt: skip
WRITING = sorted(
    {(item.method, item.path) for item in OPERATIONS if item.method in ("POST", "PUT", "PATCH", "DELETE")},
)


@pytest.mark.parametrize(("method", "path"), WRITING)
def test_no_oddity_of_json_is_a_fault_of_ours(draft: Api, method: str, path: str) -> None:
    address = f"/api{path}"
    for part, identifier in (
        ("config_version_id", "cfg_1"), ("cycle_id", "cycle_1"), ("workspace_id", "ws_1"), ("pool_id", "pool_core"),
        ("value_unit_id", "vu_hd_minute"),
    ):  # fmt: skip
        address = address.replace(f"<{part}>", identifier)
    address = address.replace("<", "").replace(">", "")

    @settings(max_examples=12, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(VALUES.map(_written) | RAW, st.sampled_from(["application/json", "application/x-ndjson"]))
    def answered(body: bytes, content_type: str) -> None:
        answer = draft.client.open(address, method=method, data=body, content_type=content_type)
        assert answer.status_code < 500, f"{body[:200]!r}: {answer.status}"

    answered()


def _written(value: Json) -> bytes:
    return json.dumps(value).encode()
