"""Ten and fifty pools with rollover on one unit, each asked in turn by one process: the ratio is what to trust.

    python -m benchmarks.pools

The question: 200,000 events of 10,000 customers over 120 days, one unit, every allowance rolled over for 60 days.
"""

import tempfile
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from benchmarks.generate_events import generate
from simulation import engine
from simulation.documents import config_plan
from simulation.plan import Plan
from simulation.window import Window

AS_OF = datetime(2026, 4, 29, 23, 59, 59, tzinfo=UTC)
EVENTS, DAYS, THREADS, ROUNDS = 200_000, 120, 2, 3
FEW, MANY = 10, 50


def plan_with(pools: int) -> Plan:
    """The question with so many pools on its unit."""
    unit = {
        "value_unit_id": "minutes",
        "event_mapping": {
            "event_type": "video_render_completed",
            "aggregation": {"type": "sum", "field": "output_minutes"},
        },
        "unit_economics": {"avg_cost_per_unit_usd": Decimal("0.18"), "target_price_per_unit_usd": Decimal("0.6")},
    }
    pool = {
        "value_unit_id": "minutes",
        "included_quantity": 2,
        "rollover": {"enabled": True, "max_rollover_quantity": 5, "expires_after_days": 60},
        "overage_behavior": "allow_overage",
    }
    config = {
        "config_version_id": "cfg_pools",
        "value_units": [unit],
        "pools": [pool | {"pool_id": f"pool_{number}"} for number in range(pools)],
        "rails": {"usage_thresholds": [{"percent": percent, "action": "warn"} for percent in (70, 90, 100)]},
    }
    return Plan(config_plan(config), None, Window(AS_OF, DAYS), "ws_bench", None, primary_metrics=("gross_margin",))


def seconds(pools: int, files: list[Path]) -> float:
    """The time that one simulation takes."""
    plan = plan_with(pools)
    with engine.open_parquet(files, threads=THREADS) as events:
        started = time.perf_counter()
        engine.simulate(plan, events)
        return time.perf_counter() - started


def report() -> list[str]:
    """The Markdown table; the best of a few rounds, taken in turn."""
    with tempfile.TemporaryDirectory() as directory:
        files = generate(EVENTS, Path(directory))
        rounds = [{pools: seconds(pools, files) for pools in (FEW, MANY)} for _ in range(ROUNDS)]
    best = {pools: min(times[pools] for times in rounds) for pools in (FEW, MANY)}
    lines = ["| pools on one unit | seconds | against ten |", "|--:|--:|--:|"]
    return lines + [f"| {pools} | {best[pools]:.2f} | {best[pools] / best[FEW]:.1f} |" for pools in (FEW, MANY)]


if __name__ == "__main__":
    print("\n".join(report()))
