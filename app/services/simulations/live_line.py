"""The live line beside an event mapping: what it would have counted in the last 30 days (spec 7, flow 2A).

The window ends with the newest usage event in scope, as a simulation's does (spec 4.1), so the line says what the
simulation will say. A workspace on mocked data that has no events of its own is asked about the bundled demo events.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from pathlib import Path
from typing import Any

from app.models.workspace import Workspace
from app.services.usage.store import UsageEvents
from rules.enums import DataMode
from simulation.canonical import parse_exact
from simulation.documents import meter
from simulation.events import Event, deduplicated, event
from simulation.metering import SAMPLE_FIELDS, MeterPreview, matches, metered
from simulation.numbers import total
from simulation.plan import Meter
from simulation.window import Window

DAYS = 30
SAMPLES = 3
REMEMBERED = 512
USAGE, DEMO = "usage", "demo"


@dataclass(frozen=True)
class Counted:
    """What a meter finds in the window. Where nothing passes its filters, `of_its_type` says how many were tried."""

    window: Window
    preview: MeterPreview
    of_its_type: int

    @property
    def columns(self) -> list[str]:
        """Every dimension that a sample has."""
        return sorted({name for sample in self.preview.samples for name in sample["dimensions"]})


@dataclass(frozen=True)
class LiveLine:
    """`problem` says why nothing can be counted; then `counted` is None. `source` is "usage" or "demo"."""

    source: str
    segment: str | None
    counted: Counted | None
    problem: str = ""


def live_line(
    events: UsageEvents, workspace: Workspace, segment: str | None, mapping: Mapping[str, Any] | None
) -> LiveLine:
    """Meter an event_mapping in any state over the workspace's events, in the segment or in all."""
    seen = events.store.snapshot(workspace.workspace_id)
    on_demo = not seen.paths and workspace.data_mode == DataMode.MOCKED
    source, segment = (DEMO, None) if on_demo else (USAGE, segment)
    if problem := incomplete(mapping):
        return LiveLine(source, segment, None, problem)
    try:
        wanted = meter(mapping or {})
    except ValueError as error:
        return LiveLine(source, segment, None, f"This mapping cannot be metered: {error}.")
    if on_demo:
        counted = _over_demo(events.demo_file, wanted)
    else:
        counted = _over_usage(seen.paths, seen.digest, workspace.workspace_id, segment, wanted)
    return LiveLine(source, segment, counted, "" if counted else "No usage events have arrived yet.")


def incomplete(mapping: Mapping[str, Any] | None) -> str:
    """What has to be said before anything can be counted; empty when nothing has."""
    aggregation = (mapping or {}).get("aggregation") or {}
    if not (mapping or {}).get("event_type"):
        return "Choose the event that counts."
    if not aggregation.get("type"):
        return "Choose how the events add up."
    if aggregation["type"] != "count" and not aggregation.get("field"):
        return f"Choose the field that {aggregation['type'].replace('_', ' ')} works on."
    return ""


@lru_cache(maxsize=REMEMBERED)
def _over_usage(
    paths: tuple[Path, ...], digest: str, workspace_id: str, segment: str | None, wanted: Meter
) -> Counted | None:
    """The digest names the events exactly, so the same question has the same answer for good."""
    from simulation import engine  # late: Ibis and DuckDB come with the first question to real usage

    with engine.open_parquet(paths) as table:
        newest = engine.newest_ts(table, segment)
        if newest is None:
            return None
        window = Window(newest, DAYS)

        def ask(which: Meter) -> MeterPreview:
            return engine.meter_preview(which, table, window, workspace_id=workspace_id, segment=segment)

        preview = ask(wanted)
        return Counted(window, preview, preview.events or ask(_unfiltered(wanted)).events)


@lru_cache(maxsize=REMEMBERED)
def _over_demo(file: Path, wanted: Meter) -> Counted | None:
    """The reference fold: the demo file is short."""
    demo = _demo_events(file)
    window = Window(max(item.ts for item in demo).astimezone(UTC), DAYS)
    inside = [item for item in demo if window.start < item.ts <= window.as_of]
    matched = [item for item in inside if matches(wanted, item)]
    newest_first = sorted(matched, key=lambda item: (-item.ts.timestamp(), item.event_id))
    preview = MeterPreview(
        events=len(matched),
        units=total(metered(wanted, inside, window.periods).values()),
        samples=tuple(map(_sample, newest_first[:SAMPLES])),
    )
    return Counted(window, preview, preview.events or _count(_unfiltered(wanted), inside))


@lru_cache(maxsize=4)
def _demo_events(file: Path) -> tuple[Event, ...]:
    return tuple(deduplicated(event(document) for document in parse_exact(file.read_bytes())))


def _count(wanted: Meter, events: Iterable[Event]) -> int:
    return sum(matches(wanted, item) for item in events)


def _unfiltered(wanted: Meter) -> Meter:
    return Meter(wanted.event_type, (), "count", "")


def _sample(item: Event) -> dict[str, Any]:
    """The event as `engine.meter_preview` shows one."""
    return {name: getattr(item, name) for name in SAMPLE_FIELDS} | {"dimensions": dict(item.dimensions)}
