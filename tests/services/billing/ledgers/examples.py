"""Terms without a database: fixed ones for examples, generated ones for invariants."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

from hypothesis import strategies as st

from app.services.billing import patches as billing_patches
from app.services.billing.ledgers.terms import Terms, read
from simulation.canonical import Json, JsonObject

EFFECTIVE_AT = datetime(2026, 1, 15, tzinfo=UTC)
SUBJECT = {"workspace_id": "ws_1", "segment": "smb", "stage": "scaling", "target_environment": "production"}
ROLLOVER = {"enabled": True, "max_rollover_quantity": Decimal(100), "expires_after_days": 60}
NO_EXPLORATION: JsonObject = {
    "enabled": False,
    "exploration_pool_id": None,
    "qualifying_events": [],
    "expires_after_days": None,
    "graduation_signal": None,
}
EXPLORING = NO_EXPLORATION | {"enabled": True, "qualifying_events": ["token_tried"], "expires_after_days": 30}
RAILS = {
    "usage_thresholds": [{"percent": 70, "action": "warn"}],
    "monthly_spend_cap_usd": Decimal(650),
    "at_cap_action": "require_approval",
    "margin_floor": Decimal("0.68"),
}


def unit(name: str, price: str, **mapping: Json) -> JsonObject:
    """A value unit as a config document has it, counting events of its own unless the mapping says otherwise."""
    counted = {"event_type": f"{name}_used", "aggregation": {"type": "count"}, "filters": {}}
    return {
        "value_unit_id": f"vu_{name}",
        "name": f"One {name}",
        "event_mapping": counted | mapping,
        "unit_economics": {"target_price_per_unit_usd": Decimal(price)},
    }


def pool(name: str, unit_name: str, included: str = "0", **changes: Json) -> JsonObject:
    return {
        "pool_id": f"pool_{name}",
        "label": name.title(),
        "value_unit_id": f"vu_{unit_name}",
        "included_quantity": Decimal(included),
        "rollover": {"enabled": False},
        "overage_behavior": "allow_overage",
        "is_exploration_pool": False,
    } | changes


TOKEN = unit(
    "token",
    "0.0000025",
    event_type="completion",
    aggregation={"type": "sum", "field": "tokens"},
    filters={"model": ["large", "small"], "tier": 2},
)
SEAT = unit("seat", "12", aggregation={"type": "distinct_count", "field": "user_id"})
TOKEN_POOLS = (
    pool("core", "token", "1000000", rollover=ROLLOVER, overage_behavior="throttle"),
    pool("trial", "token", "50000", is_exploration_pool=True, overage_behavior="hard_stop"),
)


def document(*units: JsonObject, pools: Iterable[JsonObject], exploration: Json = EXPLORING) -> JsonObject:
    """A config document of these units and pools."""
    return {
        "subject_resolution": SUBJECT,
        "value_units": list(units),
        "pools": list(pools),
        "exploration": exploration,
        "rails": RAILS,
        "rating_agility": {"price_book_ref": "usd_2026"},
    }


def terms(config: JsonObject) -> Terms:
    """The terms of a config document, read through the same payload that a billing patch stores."""
    patch = SimpleNamespace(
        billing_patch_id="bp_example",
        config_version_id="cfg_1",
        price_book_ref="usd_2026",
        effective_at=EFFECTIVE_AT,
        payload=billing_patches.payload(config),
    )
    return read(patch, config)


def sub_cent() -> Terms:
    """Tokens at 0.0000025 USD with rollover, throttle and a trial, and a seat that is counted by user."""
    return terms(document(TOKEN, SEAT, pools=[*TOKEN_POOLS, pool("seats", "seat", "3")]))


def with_price(of: Terms, index: int, price: Decimal) -> Terms:
    """Terms with another price for one of their units."""
    units = list(of.units)
    units[index] = replace(units[index], price=price)
    return replace(of, units=tuple(units))


NAMES = st.text("abcXYZ09_.:-", min_size=1, max_size=12).map(lambda text: f"u{text}")
WHOLE = st.integers(0, 10**9).map(Decimal)
PRICES = st.integers(0, 10**15).map(lambda units: Decimal(units).scaleb(-12))
"""USD per unit with up to 12 decimal places, and few enough digits for every ledger."""
FILTERS = st.dictionaries(
    st.sampled_from(["model", "tier", "odd name's"]),
    st.sampled_from(["HD", "it's", ["HD", "4K"], 4, Decimal("0.5"), True]),
    max_size=2,
)


@st.composite
def some_terms(draw: st.DrawFn) -> Terms:
    """One to three units of every aggregation, each with one or two pools."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower))
    units, pools = [], []
    for name in names:
        kind = draw(st.sampled_from(["count", "sum", "distinct_count"]))
        aggregation = {"type": kind} if kind == "count" else {"type": kind, "field": "amount"}
        if kind == "sum" and draw(st.booleans()):
            aggregation["minus"] = draw(st.sampled_from(["cached", "odd name's"]))
        priced = unit(name, "0", aggregation=aggregation, filters=draw(FILTERS))
        priced["unit_economics"] = {"target_price_per_unit_usd": draw(PRICES)}
        units.append(priced)
        for number in range(draw(st.integers(1, 2))):
            included = str(draw(st.sampled_from([Decimal(0), draw(WHOLE)])))
            pools.append(pool(f"{name}_{number}", name, included, is_exploration_pool=bool(number)))
    return terms(document(*units, pools=pools, exploration=draw(st.sampled_from([EXPLORING, NO_EXPLORATION]))))


PLAN: JsonObject = {
    "platform_fee_usd": Decimal(49),
    "minimum_commit_usd": Decimal(100),
    "unit_prices": [
        {
            "value_unit_id": "vu_seat",
            "model": "graduated",
            "tiers": [{"up_to": 10, "unit_price_usd": Decimal(12)}, {"up_to": None, "unit_price_usd": Decimal("9.5")}],
        },
        {
            "value_unit_id": "vu_export",
            "model": "volume",
            "tiers": [
                {"up_to": 100, "unit_price_usd": Decimal("0.5")},
                {"up_to": None, "unit_price_usd": Decimal("0.4")},
            ],
        },
        {
            "value_unit_id": "vu_call",
            "model": "package",
            "package_size": 1000,
            "tiers": [{"up_to": None, "unit_price_usd": Decimal(10)}],
        },
    ],
    "change_policy": "at_next_period",
}
"""A fee, a commit, and a price of every model that every ledger but Metronome can bill."""
CREDITS: JsonObject = {"prepaid": {"amount_usd": Decimal(50), "price_usd": Decimal(40), "expires_after_days": 90}}
OVERRIDE: JsonObject = {
    "customer_id": "cust_1",
    "platform_fee_usd": Decimal(0),
    "included_quantity": {"pool_seats": Decimal(20)},
    "unit_prices": [
        {
            "value_unit_id": "vu_export",
            "model": "per_unit",
            "tiers": [{"up_to": None, "unit_price_usd": Decimal("0.3")}],
        }
    ],
}
"""A customer without fee, with more seats, who pays one price for every export."""


def planned(plan: Json = PLAN) -> Terms:
    """Seats in tiers beyond 3, exports by volume, calls in packages, and tokens at their own price, under a plan."""
    units = [SEAT, unit("export", "1"), unit("call", "0.02"), unit("token", "0.0000025")]
    pools = [pool("seats", "seat", "3"), pool("exports", "export"), pool("calls", "call"), pool("tokens", "token", "5")]
    config = document(*units, pools=pools, exploration=NO_EXPLORATION)
    config["rating_agility"] = {"price_book_ref": "usd_2026", "price_plan": plan}
    return terms(config)
