"""What three real customers would have been billed in the last 30 days by a draft as it is typed (spec 7, flow 3).

The window ends with the newest usage event of the config's segment, as a simulation's does. In a workspace on mocked
data that has no events of its own, the bundled demo events are billed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from app.models.base import AnySession
from app.models.workspace import Workspace
from app.services.configs.reading import ConfigReading, read_config
from app.services.simulations.live_line import DAYS, DEMO, USAGE, demo_events
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import Dataset, UsageEvents
from rules.enums import DataMode
from rules.price_plan_problems import problems
from simulation.canonical import Json, JsonObject, canonical_text, parse_exact
from simulation.documents import config_plan
from simulation.plan import Plan
from simulation.sample_bills import SampleBill, sample_bills
from simulation.window import Window

MAX_EVENTS = 2_000_000
"""Of more events no bill is worked out while somebody types: it would take seconds."""
NO_USAGE = "No usage has arrived yet. Upload some, and three real customers' bills stand here."
INCOMPLETE = "Bills are worked out once pools, units and plan are complete."
NOBODY = "Nobody of this segment has used anything in the last 30 days, so there is no bill to show."


@dataclass(frozen=True)
class ExampleBills:
    """The smallest, the median and the largest bill, fewer where fewer customers are; or why there is none."""

    bills: tuple[SampleBill, ...]
    source: str = USAGE
    problem: str = ""


def example_bills(
    session: AnySession, events: UsageEvents, config_version_id: str, price_plan: JsonObject | None, now: datetime
) -> ExampleBills:
    """The bills of the config's draft with this price plan in the place of its own. Events after now move no window.

    Never refuses: what cannot be billed is said as the problem.
    """
    reading = read_config(session, config_version_id)
    if not reading.document["pools"]:
        return ExampleBills((), problem="Bills are worked out once the config has a pool.")
    if next(problems(price_plan or {}), None) is not None:
        return ExampleBills((), problem=INCOMPLETE)
    asked = canonical_text(_document(reading, price_plan))
    workspace = session.get_one(Workspace, reading.config.workspace_id)
    try:
        usage = events.store.snapshot(workspace.workspace_id)
        if not usage.paths and workspace.data_mode == DataMode.MOCKED:
            return _said(DEMO, _over_demo(events.demo_file, asked, workspace.workspace_id))
        if usage.newest_ts is None:
            return ExampleBills((), problem=NO_USAGE)
        if usage.row_count > MAX_EVENTS:
            problem = f"{usage.row_count:,} events are too many to bill while you type: simulate to see every bill."
            return ExampleBills((), problem=problem)
        until = now if usage.newest_ts.replace(tzinfo=UTC) > now else None
        return _said(USAGE, _over_usage(usage, asked, workspace.workspace_id, reading.config.segment, until))
    except DamagedUsage as error:
        return ExampleBills((), problem=error.detail)
    except (ArithmeticError, KeyError, TypeError, ValueError):
        return ExampleBills((), problem=INCOMPLETE)


def _said(source: str, bills: tuple[SampleBill, ...]) -> ExampleBills:
    return ExampleBills(bills, source, "" if bills else NOBODY)


def _document(reading: ConfigReading, price_plan: JsonObject | None) -> JsonObject:
    """The config as a simulation would read it, with this plan."""
    agility: JsonObject = {} if price_plan is None else {"price_plan": price_plan}
    return {
        "config_version_id": reading.config.config_version_id,
        **reading.document,
        "rating_agility": agility,
    }


def _plan(document: Mapping[str, Json], workspace_id: str, segment: str | None, as_of: datetime) -> Plan:
    return Plan(config_plan(document), None, Window(as_of, DAYS), workspace_id, segment)


@lru_cache(maxsize=64)
def _over_usage(
    usage: Dataset, asked: str, workspace_id: str, segment: str | None, until: datetime | None
) -> tuple[SampleBill, ...]:
    """The bills over stored events, worked out once for each state of these and each question."""
    from simulation import engine  # late: Ibis and DuckDB come with the first question to real usage

    with engine.open_parquet(usage.paths) as table:
        newest = engine.newest_ts(table, segment, until)
        if newest is None:
            return ()
        return engine.sample_bills(_plan(parse_exact(asked), workspace_id, segment, newest), table)


@lru_cache(maxsize=64)
def _over_demo(file: Path, asked: str, workspace_id: str) -> tuple[SampleBill, ...]:
    """The bills over the demo events, which are of no segment."""
    demo = demo_events(file)
    newest = max(item.ts for item in demo)
    return sample_bills(_plan(parse_exact(asked), workspace_id, None, newest), demo)
