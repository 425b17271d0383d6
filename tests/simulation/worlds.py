"""What the simulation tests share: events as an Arrow table, and generated worlds of configs, events and questions."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import strategies as st

from simulation import engine
from simulation.canonical import Json, JsonObject
from simulation.documents import config_plan
from simulation.events import Event, event
from simulation.numbers import exact_number
from simulation.plan import PRICING_MODES, Plan
from simulation.result import Outputs
from simulation.window import WINDOW_DAYS, Window

AS_OF = datetime(2026, 5, 1, 12, tzinfo=UTC)
BASE = ("event_id", "ts", "event_type", "customer_id", "segment")


def arrow(events: Sequence[Event]) -> pa.Table:
    """The physical layout of the usage event store."""
    columns: dict[str, pa.Array] = {
        name: pa.array([getattr(row, name) for row in events], pa.string()) for name in BASE if name != "ts"
    }
    columns["ts"] = pa.array([row.ts.replace(tzinfo=None) for row in events], pa.timestamp("us"))
    for name in sorted({name for row in events for name in row.dimensions}):
        texts = [row.dimensions.get(name) for row in events]
        numbers = [None if text is None else exact_number(text) for text in texts]
        columns[f"d_{name}"] = pa.array(texts, pa.string())
        if any(number is not None for number in numbers):
            columns[f"n_{name}"] = pa.array(numbers, pa.decimal128(38, 12))
    return pa.table(columns)


def columnar(plan: Plan, events: Sequence[Event], *, threads: int = 1) -> Outputs:
    """The columnar rendering's answer."""
    with engine.open_arrow(arrow(events), threads=threads) as table:
        return engine.simulate(plan, table)


@dataclass(frozen=True)
class World:
    """A question and the events to ask; `shuffled` are the same events in another order, some of them twice."""

    plan: Plan
    events: tuple[Event, ...]
    shuffled: tuple[Event, ...]
    threads: int


MICROSECOND = timedelta(microseconds=1)
EVENT_TYPES = ("render", "render", "export", "labs")
CUSTOMERS = ("cust_1", "cust_2", "cust_3", "cust_Ω")
SEGMENTS = ("smb", "smb", "enterprise")
PRICES = ("0", "0.6", "1.8", "0.00000015", "0.000000000001", "999.999999999999")
TEXTS = (
    "HD",
    "HD",
    "4K",
    "many",
    "",
    "07",
    "1e3",
    "4",
    "0.5",
    "0.50000000000000001",
    "12345678901234567",
    True,
    "True",
    "FALSE",
    None,
)
WANTED = (
    "HD",
    ["HD", "4K"],
    ["4K", 4, 5],
    "smb",
    ["smb", "enterprise"],
    "ws_1",
    "4",
    4,
    Decimal("0.5"),
    True,
    [False, 4],
)
ODD_WANTED: tuple[Json, ...] = (Decimal("1e-15"), [], ["nothing"])


def worlds() -> st.SearchStrategy[World]:
    """Worlds from a seed, so that all kinds are about as frequent, and a size, so that a failure can shrink."""
    return st.builds(world, st.integers(0, 2**32), st.sampled_from([0, 1, 6, 20, 40, 60]))


def world(seed: int, size: int) -> World:
    pick = random.Random(seed)
    window = Window(AS_OF, pick.choice(WINDOW_DAYS))
    rows = [event_in(pick, number, window) for number in range(size)]
    # Different events that claim one event_id, and copies of one: only one of each counts.
    rivals = [event_in(pick, pick.randrange(size), window) for _ in range(pick.choice([0, 0, 3]) if size else 0)]
    everything = rows + rivals
    shuffled = everything + [pick.choice(everything) for _ in range(min(size, 3))]
    pick.shuffle(shuffled)
    plan = Plan(
        candidate=config_plan(config(pick, "cfg_candidate")),
        baseline=config_plan(config(pick, "cfg_baseline")) if pick.random() < 0.5 else None,
        window=window,
        workspace_id="ws_1",
        segment=pick.choice([None, None, *SEGMENTS]),
        pricing_mode=pick.choice(PRICING_MODES),
        include_exploration_in_results=pick.random() < 0.6,
        primary_metrics=("gross_margin", "paid_engagement_retention_90d", "monthly_churn_rate", "weekly_smiles"),
        metric_lenses=("exploration_depth", "margin_floor_violations"),
    )
    return World(plan, tuple(everything), tuple(shuffled), pick.choice([1, 2]))


def event_in(pick: random.Random, number: int, window: Window) -> Event:
    return event(
        {
            "event_id": f"evt_{number}",
            "ts": moment_in(pick, window),
            "event_type": pick.choice(EVENT_TYPES),
            "workspace_id": "ws_1",
            "customer_id": pick.choice(CUSTOMERS),
            "segment": pick.choice(SEGMENTS),
            "minutes": dimension_value(pick),
            "cached": dimension_value(pick) if pick.random() < 0.6 else None,
            "kind": pick.choice(TEXTS),
        }
    )


def moment_in(pick: random.Random, window: Window) -> datetime:
    """Now and then exactly on a period's border or a microsecond beside it, before the window or after as_of."""
    if pick.random() < 0.2:
        border = pick.choice([window.start, *(period.end for period in window.periods)])
        return border + pick.choice([-1, 0, 1]) * MICROSECOND
    return window.as_of - timedelta(microseconds=pick.randint(-(10**11), (window.days + 40) * 86_400 * 10**6))


def dimension_value(pick: random.Random) -> Json:
    """Mostly numbers of a few digits or of twelve decimal places, rarely negative, rarely no number."""
    kind = pick.random()
    if kind < 0.1:
        return pick.choice(TEXTS)
    if kind < 0.5:
        return pick.randint(-2, 12)
    places = 2 if kind < 0.7 else 12
    return Decimal(pick.randint(-(10**places), 20 * 10**places)).scaleb(-places)


def config(pick: random.Random, name: str) -> JsonObject:
    unit_ids = ["vu_a", "vu_b", "vu_c"][: pick.randint(1, 3)]
    return {
        "config_version_id": name,
        "value_units": [unit(pick, unit_id) for unit_id in unit_ids],
        "pools": [pool(pick, number, unit_ids) for number in range(pick.randint(1, 5))],
        "exploration": {
            "enabled": pick.random() < 0.7,
            "qualifying_events": pick.choice([["labs"], ["labs", "export"], ["render"], []]),
            "expires_after_days": pick.choice([None, 1, 14, 30, 45, 70, 10**9]),
            "graduation_signal": None,
        },
        "rails": {
            "usage_thresholds": [
                {"percent": percent, "action": pick.choice(["warn", "block"])}
                for percent in pick.sample([0, 50, 70, 90, 100, 150, Decimal("33.33")], pick.randint(0, 3))
            ],
            "monthly_spend_cap_usd": pick.choice([None, 1, 25, Decimal("0.000001")]),
            "at_cap_action": None,
            "margin_floor": pick.choice([None, Decimal("0.65"), -1, 0]),
        },
    }


def unit(pick: random.Random, unit_id: str) -> JsonObject:
    kind = pick.choice(["count", "sum", "sum", "distinct_count"])
    field = {} if kind == "count" else {"field": pick.choice(["minutes"] * 6 + ["kind", "customer_id", "absent"])}
    if kind == "sum" and pick.random() < 0.4:
        field["minus"] = pick.choice(["cached", "cached", "kind", "segment", "absent"])
    dimension = pick.choice(["kind", "kind", "segment", "segment", "minutes", "workspace_id", "absent"])
    wanted = pick.choice(WANTED if pick.random() < 0.9 else ODD_WANTED)
    return {
        "value_unit_id": unit_id,
        "name": f"Unit {unit_id}",
        "event_mapping": {
            "event_type": pick.choice(EVENT_TYPES),
            "filters": {dimension: wanted} if pick.random() < 0.3 else {},
            "aggregation": {"type": kind, **field},
        },
        "unit_economics": {
            "avg_cost_per_unit_usd": amount(pick),
            "target_price_per_unit_usd": amount(pick),
        },
        "quality_signal_source": pick.choice([[], ["csat"]]),
    }


def amount(pick: random.Random) -> Decimal:
    return Decimal(pick.choice(PRICES)) if pick.random() < 0.7 else Decimal(pick.randrange(10**15)).scaleb(-12)


def pool(pick: random.Random, number: int, unit_ids: Sequence[str]) -> JsonObject:
    rollover: JsonObject = {"enabled": pick.random() < 0.4}
    if pick.random() < 0.5:
        rollover["max_rollover_quantity"] = pick.choice([0, 1, 5, Decimal("7.5"), 20])
    if pick.random() < 0.5:
        rollover["expires_after_days"] = pick.choice([10, 30, 45, 60, 90, 10**9])
    return {
        "pool_id": f"pool_{number}",
        "label": f"Pool {number}",
        "value_unit_id": pick.choice(unit_ids),
        "included_quantity": pick.choice([0, 1, 2, 5, Decimal("2.5"), Decimal("0.000000000001"), 15]),
        "rollover": rollover,
        "overage_behavior": pick.choice(["allow_overage", "throttle", "hard_stop"]),
        "is_exploration_pool": pick.random() < 0.35,
    }
