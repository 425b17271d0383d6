"""The published schema of a document, and the rules beside it, say exactly what this library reads.

Documents are made from a whole one by mutations; each is judged as the product's approve gate does, and read here.
"""

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from app.services.configs.readability import unreadable_bytes
from hypothesis import example, given, settings
from hypothesis import strategies as st

from avs_brain_client.errors import Malformed
from avs_brain_client.json_text import exact_json
from avs_brain_client.reading import parse
from documents import SUBJECT, document, pool, rails, unit

Path = tuple[Any, ...]
Step = tuple[Path, Any]
GONE = object()
"""Takes a member out instead of giving it a value."""
DELIVERY: dict[str, Any] = {
    "fail": {"stale": "open"},
    "on_expired": {"monthly_spend_cap_usd": "closed", "usage_thresholds": "open", "absolute_usage_caps": "closed"},
    "on_counters_unavailable": {"monthly_spend_cap_usd": "open", "hard_stop": "closed"},
    "threshold_scopes": [{"percent": 70, "scope": "unit"}, {"percent": Decimal("33.5"), "scope": "customer"}],
}
TIERS = [{"up_to": 10, "unit_price_usd": Decimal("0.5"), "flat_fee_usd": 5}, {"up_to": None, "unit_price_usd": 1}]
PACKAGES = {"value_unit_id": "vu_export", "model": "package", "package_size": 100, "tiers": [{"unit_price_usd": 10}]}
PRICE_PLAN: dict[str, Any] = {
    "platform_fee_usd": 49,
    "minimum_commit_usd": Decimal("99.5"),
    "true_up": False,
    "prepaid": {"amount_usd": 50, "price_usd": 40, "expires_after_days": 90},
    "unit_prices": [PACKAGES, {"value_unit_id": "vu_minute", "model": "graduated", "tiers": TIERS}],
    "overrides": [
        {"customer_id": "cust_1", "prepaid": None, "included_quantity": {"pool_core": 200}, "unit_prices": [PACKAGES]},
        {"customer_id": "cust_2", "platform_fee_usd": 0, "true_up": True},
    ],
    "change_policy": "prorate",
}
FIXED = {"kind": "fixed", "at": "2026-01-01T00:00:00Z"}
UNIT_PRICES, OVERRIDES = ("rating_agility", "price_plan", "unit_prices"), ("rating_agility", "price_plan", "overrides")
MONTHS = {"kind": "calendar_month", "time_zone": "Europe/Berlin"}


def terms(version: str) -> dict[str, Any]:
    """All that decides about use, with every member that a client reads."""
    whole = document(
        version,
        units=[
            unit(price=Decimal("0.5"), filters={"mode": ["hd", 4, True], "plan": "pro"}),
            unit("vu_export", 2, aggregation={"type": "count", "minus": None}),
            unit("vu_net", 0, aggregation={"type": "sum", "field": "tokens", "minus": "cached"}),
        ],
        pools=[
            pool(rollover={"enabled": True, "max_rollover_quantity": 5, "expires_after_days": 60}),
            pool("pool_export", Decimal("2.5"), "hard_stop", value_unit_id="vu_export", is_exploration_pool=True),
        ],
        exploration={
            "enabled": True,
            "qualifying_events": ["labs_used"],
            "expires_after_days": 30,
            "graduation_signal": "csat",
        },
        rails=rails(
            usage_thresholds=[{"percent": 70, "action": "warn"}, {"percent": Decimal("33.5"), "action": "block"}],
            monthly_spend_cap_usd=100,
            at_cap_action="block",
            absolute_usage_caps=[
                {"value_unit_id": "vu_export", "max_quantity": 3, "action": "throttle"},
                {"value_unit_id": "vu_export", "limit": 3},
            ],
        ),
    )
    kept = {name: whole[name] for name in ("config_version_id", "value_units", "pools", "exploration", "rails")}
    return {**kept, "rating_agility": {"price_book_ref": "usd", "price_plan": PRICE_PLAN}}


def whole_document() -> dict[str, Any]:
    """A document with terms before it, before which there were others, and with the version after it announced."""
    before = {**terms("cfg_2"), "terms": _since("2026-02-01T00:00:00Z", terms("cfg_1"))}
    following = {
        **terms("cfg_4"),
        "subject_resolution": dict(SUBJECT),
        "governance": {
            "delivery": {
                **DELIVERY,
                "max_staleness_seconds": 60,
                "sequence": 8,
                "next": None,
                "period_anchor": MONTHS,
            }
        },
    }
    coming = {"effective_at": "2026-04-01T00:00:00+02:00", "config_version_id": "cfg_4", "document": following}
    delivery = {**DELIVERY, "max_staleness_seconds": 60, "sequence": 7, "next": coming, "period_anchor": FIXED}
    governance = {"delivery": delivery, "terms": _since("2026-03-01T00:00:00.5Z", before)}
    return {**terms("cfg_3"), "subject_resolution": dict(SUBJECT), "governance": governance}


def _since(moment: str, before: dict[str, Any]) -> dict[str, Any]:
    return {"start": "next_period", "since": moment, "before": before}


WHOLE = whole_document()


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place of a document, the top left out."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, item in members:
        yield (*at, name)
        yield from paths(item, (*at, name))


PLACES = sorted(paths(WHOLE), key=repr)
NUMBERS = [0, 1, -1, 30, 100_000, 100_001, 2**53 - 1, 2**53, 10**14 - 1, 10**14, 10**30]
DECIMALS = ["33.333", "33.33", "30.0", "1e-12", "1e-13", "-0.5", "99999999999999.999999999999", "1e400", "0.0"]
TEXTS = ["", "x", "open", "closed", "warn", "sum", "count", "hard_stop", "next_period", "vu_export", "vu_nobody", "70"]
PRICES = ["prorated", "per_unit", "volume", "package", "at_next_period", "spend", "cust_1"]
KINDS = ["fixed", "calendar_month", "customer_day", "Europe/Berlin", "Mars/Olympus", "unit", "customer"]
MOMENTS = ["2026-02-30T00:00:00Z", "2026-02-28T24:00:00Z", "20260228T000000Z", "2026-02-28T00:00:00", "2026-02-28"]
OFFSETS = ["2026-02-28t00:00:00.123456z", "2026-02-28T00:00:00.1234567Z", "2026-02-28T00:00:00+99:00"]
SHAPES: list[Any] = [None, True, False, [], {}, [None], ["x"], [5], [[]], {"x": 1}, {"enabled": True}]
VALUES = st.one_of(
    st.just(GONE),
    st.sampled_from([*NUMBERS, *map(Decimal, DECIMALS), *TEXTS, *PRICES, *KINDS, *MOMENTS, *OFFSETS, *SHAPES]),
    st.sampled_from(PLACES).map(lambda path: at(WHOLE, path)),
)
STEPS = st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3)


def at(value: Any, path: Path) -> Any:
    for name in path:
        value = value[name]
    return value


def mutated(steps: list[Step]) -> dict[str, Any]:
    """The whole document after these steps; one whose place is gone already does nothing."""
    changed = copy.deepcopy(WHOLE)
    for path, value in steps:
        try:
            parent = at(changed, path[:-1])
            if value is GONE:
                del parent[path[-1]]
            elif isinstance(parent, dict | list):
                parent[path[-1]] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            continue
    return changed


def is_read(body: bytes) -> bool:
    try:
        parse(body)
    except Malformed:
        return False
    return True


def judged(changed: dict[str, Any]) -> None:
    body = exact_json(changed).encode()
    problems = unreadable_bytes(body)
    assert is_read(body) == (not problems), f"{problems or 'nothing to say'} about {json.dumps(changed, default=str)}"


def test_the_whole_document_is_read_and_nothing_is_said_of_it() -> None:
    judged(WHOLE)
    assert is_read(exact_json(WHOLE).encode())


@settings(max_examples=800, deadline=None)
@given(STEPS)
@example([(("rails", "usage_thresholds", 0, "percent"), Decimal("33.333"))])
@example([(("pools", 0, "value_unit_id"), "vu_nobody")])
@example([(("rails", "absolute_usage_caps", 0), {"per": "day", "renders": 50})])
@example([(("governance", "delivery", "sequence"), 2**53)])
@example([(("governance", "terms", "since"), "2026-02-30T00:00:00Z")])
@example([((*UNIT_PRICES, 1, "tiers", 0, "up_to"), None)])
@example([((*UNIT_PRICES, 1, "tiers", 1, "up_to"), 20)])
@example([((*UNIT_PRICES, 1, "model"), "package")])
@example([((*UNIT_PRICES, 0, "tiers", 0, "flat_fee_usd"), 5)])
@example([((*UNIT_PRICES, 0, "value_unit_id"), "vu_minute")])
@example([((*UNIT_PRICES, 0, "value_unit_id"), "vu_nobody")])
@example([((*UNIT_PRICES, 0, "package_size"), Decimal("1.5"))])
@example([((*UNIT_PRICES, 1, "package_size"), 5)])
@example([((*OVERRIDES, 1, "customer_id"), "cust_1")])
@example([((*OVERRIDES, 0, "included_quantity", "pool_nobody"), 5)])
@example([((*OVERRIDES, 0, "included_quantity", "pool_core"), Decimal("1e-13"))])
@example([(("rating_agility", "price_plan", "platform_fee_usd"), Decimal("0.0000000000001"))])
@example([(("rating_agility", "price_plan"), None)])
@example([(("rating_agility", "price_plan"), {})])
@example([(("governance", "terms", "start"), "prorated")])
@example([(("value_units", 0, "event_mapping", "filters", "mode"), [])])
def test_a_document_is_read_exactly_where_nothing_is_said_of_it(steps: list[Step]) -> None:
    judged(mutated(steps))


def test_no_single_member_is_taken_as_another_kind_than_the_schema_has() -> None:
    for path in PLACES:
        for value in (GONE, None, "x", 5, True, [], {}):
            judged(mutated([(path, value)]))
