"""What the simulation tests share: events as an Arrow table, and generated worlds of configs, events and questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from simulation import engine
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
EVENT_TYPES = ("render", "export", "labs")
CUSTOMERS = ("cust_1", "cust_2", "cust_3", "cust_Ω")
SEGMENTS = ("smb", "enterprise")

amounts = st.one_of(
    st.sampled_from([Decimal(0), Decimal("0.6"), Decimal("0.00000015"), Decimal("0.000000000001"), Decimal("1.8")]),
    st.decimals(0, 1000, places=12),
)
quantities = st.one_of(st.integers(0, 12).map(Decimal), st.decimals(0, 50, places=3))
dimension_values = st.one_of(
    st.none(),
    st.integers(-3, 30),
    st.decimals(-2, 40, places=12),
    st.sampled_from(["HD", "4K", "many", "", "07", "1e3", "0.5", "12345678901234567", True]),
)


@st.composite
def units(draw: st.DrawFn, unit_id: str) -> dict[str, Any]:
    kind = draw(st.sampled_from(["count", "sum", "sum", "distinct_count"]))
    field = draw(st.sampled_from(["minutes", "kind", "customer_id", "nothing"]))
    filters = draw(
        st.dictionaries(
            st.sampled_from(["kind", "minutes", "segment", "workspace_id", "absent"]),
            st.one_of(
                st.sampled_from(["HD", "smb", "ws_1", "4", 4, Decimal("0.5"), True, Decimal("1e-15")]),
                st.lists(st.sampled_from(["HD", "4K", "smb", "enterprise", "ws_1", 4, 5]), max_size=4),
            ),
            max_size=1,
        )
    )
    return {
        "value_unit_id": unit_id,
        "name": f"Unit {unit_id}",
        "event_mapping": {
            "event_type": draw(st.sampled_from(EVENT_TYPES)),
            "filters": filters,
            "aggregation": {"type": kind, **({} if kind == "count" else {"field": field})},
        },
        "unit_economics": {
            "avg_cost_per_unit_usd": draw(amounts),
            "target_price_per_unit_usd": draw(amounts),
        },
        "quality_signal_source": draw(st.sampled_from([[], ["csat"]])),
    }


@st.composite
def pools(draw: st.DrawFn, number: int, unit_ids: Sequence[str]) -> dict[str, Any]:
    rollover: dict[str, Any] = {"enabled": draw(st.booleans())}
    if draw(st.booleans()):
        rollover["max_rollover_quantity"] = draw(quantities)
    if draw(st.booleans()):
        rollover["expires_after_days"] = draw(st.sampled_from([10, 30, 45, 60, 90, 10**9]))
    return {
        "pool_id": f"pool_{number}",
        "label": f"Pool {number}",
        "value_unit_id": draw(st.sampled_from(unit_ids)),
        "included_quantity": draw(quantities),
        "rollover": rollover,
        "overage_behavior": draw(st.sampled_from(["allow_overage", "throttle", "hard_stop"])),
        "is_exploration_pool": draw(st.booleans()),
    }


@st.composite
def configs(draw: st.DrawFn, name: str) -> dict[str, Any]:
    unit_ids = ["vu_a", "vu_b", "vu_c"][: draw(st.integers(1, 3))]
    return {
        "config_version_id": name,
        "value_units": [draw(units(unit_id)) for unit_id in unit_ids],
        "pools": [draw(pools(number, unit_ids)) for number in range(draw(st.integers(1, 4)))],
        "exploration": {
            "enabled": draw(st.booleans()),
            "qualifying_events": draw(st.lists(st.sampled_from(EVENT_TYPES), max_size=2)),
            "expires_after_days": draw(st.sampled_from([None, 1, 14, 30, 45, 70, 10**9])),
            "graduation_signal": None,
        },
        "rails": {
            "usage_thresholds": draw(
                st.lists(
                    st.fixed_dictionaries(
                        {
                            "percent": st.sampled_from([0, 50, 70, 90, 100, 150, Decimal("33.33")]),
                            "action": st.sampled_from(["warn", "block"]),
                        }
                    ),
                    max_size=3,
                )
            ),
            "monthly_spend_cap_usd": draw(st.one_of(st.none(), amounts)),
            "at_cap_action": None,
            "margin_floor": draw(st.sampled_from([None, Decimal("0.65"), Decimal(-1), Decimal(0)])),
        },
    }


@st.composite
def moments(draw: st.DrawFn, window: Window) -> datetime:
    """Often exactly on a period's border, or a microsecond beside it; sometimes before the window or after as_of."""
    if draw(st.booleans()):
        border = draw(st.sampled_from([window.start, *(period.end for period in window.periods)]))
        return border + draw(st.integers(-1, 1)) * MICROSECOND
    return window.as_of - timedelta(hours=draw(st.integers(-48, 24 * (window.days + 40))))


@st.composite
def events(draw: st.DrawFn, number: int, window: Window) -> Event:
    document = {
        "event_id": f"evt_{number}",
        "ts": draw(moments(window)),
        "event_type": draw(st.sampled_from(EVENT_TYPES)),
        "workspace_id": "ws_1",
        "customer_id": draw(st.sampled_from(CUSTOMERS)),
        "segment": draw(st.sampled_from(SEGMENTS)),
    }
    return event({**document, "minutes": draw(dimension_values), "kind": draw(dimension_values)})


@st.composite
def worlds(draw: st.DrawFn, *, max_events: int = 24) -> World:
    window = Window(AS_OF, draw(st.sampled_from(WINDOW_DAYS)))
    rows = [draw(events(number, window)) for number in range(draw(st.integers(0, max_events)))]
    # Two different events that claim one event_id, and copies of one: only one of each counts.
    ids = [row.event_id for row in rows]
    claimed = draw(st.lists(st.sampled_from(ids), max_size=3)) if ids else []
    rivals = [draw(events(int(event_id[4:]), window)) for event_id in claimed]
    metrics = ("gross_margin", "paid_engagement_retention_90d", "monthly_churn_rate", "weekly_smiles")
    plan = Plan(
        candidate=config_plan(draw(configs("cfg_candidate"))),
        baseline=config_plan(draw(configs("cfg_baseline"))) if draw(st.booleans()) else None,
        window=window,
        workspace_id="ws_1",
        segment=draw(st.sampled_from([None, *SEGMENTS])),
        pricing_mode=draw(st.sampled_from(PRICING_MODES)),
        include_exploration_in_results=draw(st.booleans()),
        primary_metrics=metrics,
        metric_lenses=("exploration_depth", "margin_floor_violations"),
    )
    everything = rows + rivals
    copies = draw(st.lists(st.sampled_from(everything), max_size=3)) if everything else []
    return World(plan, tuple(everything), tuple(draw(st.permutations(everything + copies))), draw(st.integers(1, 2)))
