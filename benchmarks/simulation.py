"""One question over 1M, 10M and 100M usage events: simulate(), hand-written DuckDB SQL and pandas, side by side.

    python -m benchmarks.simulation            # 1M and 10M
    python -m benchmarks.simulation --full     # 100M as well: needs about 1.5 GB of disk, removed afterwards

The question: three units (a sum, a count, an exact distinct count) metered per customer and 30 days over 90 days, drawn
from one pool each, priced; revenue, cost and margin. Each asks in a process of its own, so that peak memory is its own;
`simulate()` also answers all the rest of the outputs. The answers are compared to the last digit.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from benchmarks.generate_events import generate
from simulation.canonical import JsonObject
from simulation.plan import ConfigPlan

AS_OF = datetime(2026, 4, 29, 23, 59, 59, tzinfo=UTC)
DAYS = 90
THREADS = 2
SIZES = (1_000_000, 10_000_000)
FULL_SIZES = (*SIZES, 100_000_000)
PANDAS_LIMIT = 10_000_000  # beyond it pandas needs more memory than this is worth

UNITS = {
    "minutes": {"included": Decimal(1000), "cost": Decimal("0.18"), "price": Decimal("0.6")},
    "exports": {"included": Decimal(20), "cost": Decimal("0.02"), "price": Decimal("0.05")},
    "projects": {"included": Decimal(10), "cost": Decimal("0.1"), "price": Decimal("0.25")},
}
MAPPINGS = {
    "minutes": {
        "event_type": "video_render_completed",
        "filters": {"resolution": "HD"},
        "aggregation": {"type": "sum", "field": "output_minutes"},
    },
    "exports": {"event_type": "draft_export_created", "aggregation": {"type": "count"}},
    "projects": {"event_type": "project_opened", "aggregation": {"type": "distinct_count", "field": "project_id"}},
}

Answer = tuple[Decimal, Decimal]


def avs(files: list[Path]) -> Answer:
    """The product's own path."""
    from simulation import engine
    from simulation.plan import Plan
    from simulation.window import Window

    plan = Plan(config(), None, Window(AS_OF, DAYS), "ws_bench", None, primary_metrics=("gross_margin",))
    with engine.open_parquet(files, threads=THREADS) as events:
        headline = engine.simulate(plan, events).document["economics"]["candidate"]
    assert headline is not None  # it has events
    return Decimal(headline["revenue_usd"]), Decimal(headline["cost_usd"])


def config() -> ConfigPlan:
    from simulation.documents import config_plan

    return config_plan(
        {
            "config_version_id": "cfg_bench",
            "value_units": [
                {
                    "value_unit_id": name,
                    "event_mapping": MAPPINGS[name],
                    "unit_economics": {
                        "avg_cost_per_unit_usd": unit["cost"],
                        "target_price_per_unit_usd": unit["price"],
                    },
                    "quality_signal_source": ["csat"],
                }
                for name, unit in UNITS.items()
            ],
            "pools": [
                {
                    "pool_id": f"pool_{name}",
                    "value_unit_id": name,
                    "included_quantity": unit["included"],
                    "overage_behavior": "allow_overage",
                }
                for name, unit in UNITS.items()
            ],
            "rails": {
                "usage_thresholds": [{"percent": p, "action": "warn"} for p in (70, 90, 100)],
                "monthly_spend_cap_usd": 5000,
                "at_cap_action": "require_approval",
                "margin_floor": Decimal("0.6"),
            },
        }
    )


SQL = """
WITH events AS (
  SELECT customer_id, event_type, d_resolution, n_output_minutes, d_project_id,
         CASE WHEN ts <= TIMESTAMP '{first}' THEN 0 WHEN ts <= TIMESTAMP '{second}' THEN 1 ELSE 2 END AS period
  FROM read_parquet({files}, union_by_name = true)
  WHERE ts > TIMESTAMP '{start}' AND ts <= TIMESTAMP '{as_of}'
), metered AS (
  SELECT 'minutes' AS unit, customer_id, period, SUM(n_output_minutes) AS used
  FROM events WHERE event_type = 'video_render_completed' AND d_resolution = 'HD' GROUP BY ALL
  UNION ALL
  SELECT 'exports', customer_id, period, COUNT(*)
  FROM events WHERE event_type = 'draft_export_created' GROUP BY ALL
  UNION ALL
  SELECT 'projects', customer_id, period, COUNT(*)
  FROM (SELECT DISTINCT customer_id, period, d_project_id FROM events
        WHERE event_type = 'project_opened' AND d_project_id IS NOT NULL) GROUP BY ALL
), drawn AS (
  SELECT unit, used,
         GREATEST(used - CASE unit WHEN 'minutes' THEN 1000 WHEN 'exports' THEN 20 ELSE 10 END, 0) AS overage
  FROM metered
)
SELECT unit, SUM(used) AS used, SUM(overage) AS overage FROM drawn GROUP BY unit
"""


def sql(files: list[Path]) -> Answer:
    """What a skilled analyst writes for this one question: each unit by its own scan, which DuckDB filters early."""
    import duckdb

    bounds = {"start": DAYS, "first": 60, "second": 30, "as_of": 0}
    values = {name: str((AS_OF - timedelta(days=days)).replace(tzinfo=None)) for name, days in bounds.items()}
    with duckdb.connect(config={"threads": THREADS, "preserve_insertion_order": False}) as connection:
        rows = connection.execute(SQL.format(files=[str(file) for file in files], **values)).fetchall()
    return priced({unit: (used, overage) for unit, used, overage in rows})


def priced(units: dict[str, tuple[Decimal, Decimal]]) -> Answer:
    return (
        sum((UNITS[unit]["price"] * overage for unit, (_, overage) in units.items()), Decimal(0)),
        sum((UNITS[unit]["cost"] * used for unit, (used, _) in units.items()), Decimal(0)),
    )


def pandas(files: list[Path]) -> Answer:
    """The answer by data frames; minutes as whole hundredths, for pandas adds decimals one object at a time."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["customer_id", "event_type", "ts", "d_resolution", "d_project_id", "n_output_minutes"]
    start = (AS_OF - timedelta(days=DAYS)).replace(tzinfo=None)
    filters = [("ts", ">", start), ("ts", "<=", AS_OF.replace(tzinfo=None))]
    table = pq.read_table([str(file) for file in files], columns=columns, filters=filters)
    exact = pc.cast(table["n_output_minutes"], pa.decimal128(30, 2))
    hundredths = pc.cast(pc.multiply(exact, pa.scalar(100, pa.decimal128(3, 0))), pa.int64())
    table = table.set_column(table.column_names.index("n_output_minutes"), "hundredths", hundredths)
    frame = table.to_pandas(strings_to_categorical=True)
    del table
    frame["period"] = (frame.ts - start - timedelta(microseconds=1)) // timedelta(days=30)
    keys = ["customer_id", "period"]

    def grouped(rows: Any) -> Any:  # of pandas, which has no types
        return rows.groupby(keys, observed=True)

    minutes = grouped(frame[(frame.event_type == "video_render_completed") & (frame.d_resolution == "HD")])
    projects = frame[frame.event_type == "project_opened"]
    used = {
        "minutes": minutes.hundredths.sum(),
        "exports": grouped(frame[frame.event_type == "draft_export_created"]).size() * 100,
        "projects": grouped(projects.drop_duplicates([*keys, "d_project_id"])).size() * 100,
    }
    return priced(
        {
            unit: (
                Decimal(int(series.sum())) / 100,
                Decimal(int((series - int(UNITS[unit]["included"] * 100)).clip(lower=0).sum())) / 100,
            )
            for unit, series in used.items()
        }
    )


SUBJECTS: dict[str, Callable[[list[Path]], Answer]] = {"simulate()": avs, "hand-written SQL": sql, "pandas": pandas}


def measure(subject: str, files: list[Path], repeat: int) -> dict[str, object]:
    """The best of `repeat` runs in this process, its peak memory, and the answer."""
    seconds = []
    for _ in range(repeat):
        started = time.perf_counter()
        revenue, cost = SUBJECTS[subject](files)
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": min(seconds), "peak": peak, "answer": [f"{revenue:.6f}", f"{cost:.6f}"]}


def in_own_process(subject: str, files: list[Path], repeat: int) -> JsonObject:
    command = [sys.executable, "-m", "benchmarks.simulation", "--measure", subject, "--repeat", str(repeat)]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=True)
    measured: JsonObject = json.loads(done.stdout)
    return measured


def rows(count: int, files: list[Path], repeat: int) -> list[str]:
    """Markdown rows for one size; every answer must be the same."""
    subjects = [name for name in SUBJECTS if name != "pandas" or count <= PANDAS_LIMIT]
    # Interleaved, best of three rounds each: a shared machine drifts more than the subjects differ.
    rounds = [
        {name: in_own_process(name, files, repeat) for name in subjects} for _ in range(3 if count < 10**8 else 1)
    ]
    best = {name: min((found[name] for found in rounds), key=lambda found: found["seconds"]) for name in subjects}
    if len({tuple(found["answer"]) for found in best.values()}) != 1:
        raise SystemExit(f"the answers differ: { {name: found['answer'] for name, found in best.items()} }")
    reference = best["hand-written SQL"]["seconds"]
    return [
        f"| {count:,} | {name} | {found['seconds']:.2f} | {count / found['seconds'] / 1e6:.1f}M | "
        f"{reference / found['seconds']:.2f} | {found['peak'] / 2**20:,.0f} |"
        for name, found in best.items()
    ]


def report(sizes: tuple[int, ...], repeat: int = 3) -> list[str]:
    """The Markdown table; events live in a temporary directory, one size at a time."""
    lines = ["| events | how | seconds | events/s | speed against SQL | peak MiB |", "|--:|---|--:|--:|--:|--:|"]
    for count in sizes:
        with tempfile.TemporaryDirectory() as directory:
            lines += rows(count, generate(count, Path(directory)), repeat)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="100 million events as well")
    parser.add_argument("--measure", choices=SUBJECTS, help=argparse.SUPPRESS)
    parser.add_argument("--repeat", type=int, default=3, help="runs per process; the best counts")
    parser.add_argument("files", type=Path, nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.files, arguments.repeat)))
    else:
        print("\n".join(report(FULL_SIZES if arguments.full else SIZES, arguments.repeat)))


if __name__ == "__main__":
    main()
