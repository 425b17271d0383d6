"""The live line beside an event mapping: what it would have counted in the last 30 days (spec 7, flow 2A).

The window ends with the newest usage event in scope, as a simulation's does (spec 4.1), so that the line agrees with
the simulation. In a workspace on mocked data that has no events of its own, the bundled demo events are counted.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from app.models.workspace import Workspace
from app.services.usage.soundness import DamagedUsage
from app.services.usage.store import UsageEvents
from rules.enums import DataMode
from simulation.canonical import Json, JsonObject, parse_exact
from simulation.documents import meter, meter_or_none
from simulation.events import Event, deduplicated, event
from simulation.metering import SAMPLE_FIELDS, MeterPreview, matches, metered
from simulation.numbers import total
from simulation.output_shapes import MappedTypeRow
from simulation.plan import Meter
from simulation.unmatched import MappedType, mapped_type, type_coverage
from simulation.unmatched_rows import mapped_row
from simulation.window import Window

DAYS = 30
SAMPLES = 3
REMEMBERED = 512
"""How many answers are cached."""
USAGE, DEMO = "usage", "demo"
NO_OTHERS: Mapping[str, Json] = MappingProxyType({})


@dataclass(frozen=True)
class Counted:
    """The events that a meter counts in the window.

    `usage` is what all units of the cycle leave uncounted of the events of the meter's type, which are `of_its_type`.
    """

    window: Window
    preview: MeterPreview
    usage: MappedTypeRow

    @property
    def of_its_type(self) -> int:
        """The events of the meter's type, whether they pass its filters or not."""
        return self.usage["events"]

    @property
    def columns(self) -> list[str]:
        """Every dimension that a sample has."""
        return sorted({name for sample in self.preview.samples for name in sample["dimensions"]})


@dataclass(frozen=True)
class LiveLine:
    """A count, or the `problem` why nothing can be counted (`counted` is None then). `source` is `USAGE` or `DEMO`."""

    source: str
    segment: str | None
    counted: Counted | None
    problem: str = ""


def live_line(
    events: UsageEvents,
    workspace: Workspace,
    segment: str | None,
    mapping: Mapping[str, Json] | None,
    now: datetime,
    others: Mapping[str, Json] = NO_OTHERS,
) -> LiveLine:
    """Meter an event_mapping, complete or not, over the workspace's events of the segment, or of all (None).

    `others` are the mappings of the cycle's other units by value_unit_id: what they count is not left uncounted.
    Events after now (aware) move no window.
    """
    try:
        usage = events.store.snapshot(workspace.workspace_id)
    except DamagedUsage as error:
        return LiveLine(USAGE, segment, None, error.detail)
    on_demo = not usage.paths and workspace.data_mode == DataMode.MOCKED
    source, segment = (DEMO, None) if on_demo else (USAGE, segment)
    if problem := incomplete(mapping):
        return LiveLine(source, segment, None, problem)
    try:
        unit_meter = meter(mapping or {})
    except ValueError as error:
        return LiveLine(source, segment, None, f"This mapping cannot be metered: {error}.")
    mapped = mapped_type(unit_meter.event_type, [("", unit_meter), *_metered(others)])
    if on_demo:
        counted = _over_demo(events.demo_file, unit_meter, mapped)
    else:
        until = now if usage.newest_ts and usage.newest_ts.replace(tzinfo=UTC) > now else None
        counted = _over_usage(usage.paths, usage.digest, workspace.workspace_id, segment, unit_meter, mapped, until)
    return LiveLine(source, segment, counted, "" if counted else "No usage events have arrived yet.")


def _metered(mappings: Mapping[str, Json]) -> Iterator[tuple[str, Meter]]:
    """The mappings that can be metered."""
    for value_unit_id, mapping in mappings.items():
        found = meter_or_none(mapping)
        if found is not None:
            yield value_unit_id, found


def incomplete(mapping: Mapping[str, Json] | None) -> str:
    """The choice that is missing before anything can be counted, as a sentence; empty when the mapping is complete."""
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
    paths: tuple[Path, ...],
    digest: str,
    workspace_id: str,
    segment: str | None,
    unit_meter: Meter,
    mapped: MappedType,
    until: datetime | None,
) -> Counted | None:
    """The count over stored events. The digest identifies them exactly, so a cached answer stays right.

    `until`: the newest moment that the window may end at; None where no event lies in the future.
    """
    from simulation import engine  # late: Ibis and DuckDB come with the first question to real usage

    with engine.open_parquet(paths) as table:
        newest = engine.newest_ts(table, segment, until)
        if newest is None:
            return None
        window = Window(newest, DAYS)
        preview = engine.meter_preview(unit_meter, table, window, workspace_id=workspace_id, segment=segment)
        usage = engine.type_coverage(mapped, table, window, workspace_id=workspace_id, segment=segment)
        return Counted(window, preview, mapped_row(usage))


@lru_cache(maxsize=REMEMBERED)
def _over_demo(file: Path, unit_meter: Meter, mapped: MappedType) -> Counted | None:
    """The count over the demo events, by the reference fold: the file is short."""
    demo = demo_events(file)
    window = Window(max(item.ts for item in demo).astimezone(UTC), DAYS)
    inside = [item for item in demo if window.start < item.ts <= window.as_of]
    matched = [item for item in inside if matches(unit_meter, item)]
    newest_first = sorted(matched, key=lambda item: (-item.ts.timestamp(), item.event_id))
    preview = MeterPreview(
        events=len(matched),
        units=total(metered(unit_meter, inside, window.periods).values()),
        samples=tuple(map(_sample, newest_first[:SAMPLES])),
    )
    return Counted(window, preview, mapped_row(type_coverage(mapped, inside)))


@lru_cache(maxsize=4)
def demo_events(file: Path) -> tuple[Event, ...]:
    """The bundled demo events, each event_id once."""
    return tuple(deduplicated(event(document) for document in parse_exact(file.read_bytes())))


def _sample(item: Event) -> JsonObject:
    """The event with the fields that a sample of `engine.meter_preview` has."""
    return {name: getattr(item, name) for name in SAMPLE_FIELDS} | {"dimensions": dict(item.dimensions)}
