"""References of rows to rows of other files: each name must stand for something (spec 1)."""

from collections.abc import Iterable, Iterator

from rules.documents import value_unit_from_document
from rules.event_mapping import BASE_DIMENSIONS
from rules.value_units import value_unit_completeness
from seed.problems import SeedProblem
from seed.reading import SeedFiles, SeedRow
from simulation.events import BASE_FIELDS


def reference_problems(files: SeedFiles) -> Iterator[SeedProblem]:
    """Problems of the catalogs, cycles, units, snapshots and usage events; `decisions` judges the rest."""
    for row in files.rows["customers.json"]:
        yield from unknown(files, row, "segment", "segment_catalog.json")
    for row in files.rows["cycles.json"]:
        yield from _cycle(files, row)
    for row in files.rows["value_units.json"]:
        yield from _value_unit(files, row)
    for row in files.rows["value_unit_snapshots.json"]:
        yield from _snapshot(files, row)
    yield from repeated(files.rows["value_unit_snapshots.json"], ("cycle_id", "snapshot_version"))
    dimensions = {row.values["event_type"]: row.values["dimensions"] for row in files.rows["event_catalog.json"]}
    for row in files.rows["usage_events.json"]:
        yield from _usage_event(files, row, dimensions)


def unknown(files: SeedFiles, row: SeedRow, field: str, target: str) -> Iterator[SeedProblem]:
    """A problem for the field's value, or for each value of its list, that the target file does not identify."""
    value = row.values[field]
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_value(files, row, f"{field}[{index}]", item, target)
    elif value is not None:
        yield from unknown_value(files, row, field, value, target)


def unknown_value(files: SeedFiles, row: SeedRow, field: str, value: str, target: str) -> Iterator[SeedProblem]:
    """A problem when the target file does not identify the value."""
    known = files.identifiers[target]
    if known is not None and value not in known:
        yield row.problem(field, f"{value!r} is not in {target}")


def differs(row: SeedRow, field: str, expected: object, owner: str) -> Iterator[SeedProblem]:
    """A problem when the field is not what its owner says."""
    if row.values[field] != expected:
        yield row.problem(field, f"must be {expected!r}, as {owner} says")


def repeated(rows: Iterable[SeedRow], names: tuple[str, ...]) -> Iterator[SeedProblem]:
    """A problem for each row whose values of these fields an earlier row has already."""
    first: dict[tuple[object, ...], int] = {}
    for row in rows:
        number = first.setdefault(tuple(row.values[name] for name in names), row.number)
        if number != row.number:
            yield row.problem(names[-1], f"row {number} has the same {' and '.join(names)}")


def _cycle(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    yield from unknown(files, row, "workspace_id", "workspaces.json")
    yield from unknown(files, row, "primary_metrics", "metric_catalog.json")
    yield from unknown(files, row, "segments", "segment_catalog.json")


def _value_unit(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    yield from unknown(files, row, "cycle_id", "cycles.json")
    yield from unknown(files, row, "quality_signal_source", "quality_signal_catalog.json")
    for index, intent in enumerate(row.values["metrics_intent"]):
        field = f"metrics_intent[{index}].metric_id"
        yield from unknown_value(files, row, field, intent["metric_id"], "metric_catalog.json")
    yield from _event_mapping(files, row)
    status = value_unit_completeness(value_unit_from_document(row.values)).status.value
    yield from differs(row, "completeness_status", status, "its content")


def _event_mapping(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    mapping = row.values["event_mapping"]
    event_type = mapping["event_type"]
    yield from unknown_value(files, row, "event_mapping.event_type", event_type, "event_catalog.json")
    catalog = files.find("event_catalog.json", event_type)
    if catalog is None:
        return
    named = {f"filters.{name}": name for name in mapping["filters"]}
    named |= {f"aggregation.{part}": name for part, name in mapping["aggregation"].items() if part != "type"}
    for field, name in named.items():
        if name not in (*catalog["dimensions"], *BASE_DIMENSIONS):
            yield row.problem(f"event_mapping.{field}", f"{name!r} is no dimension of {event_type}")


def _snapshot(files: SeedFiles, row: SeedRow) -> Iterator[SeedProblem]:
    yield from unknown(files, row, "cycle_id", "cycles.json")
    yield from unknown(files, row, "value_unit_ids", "value_units.json")
    cycle = files.find("cycles.json", row.values["cycle_id"])
    if cycle is not None:
        yield from differs(row, "workspace_id", cycle["workspace_id"], "its cycle")
    frozen = [unit["value_unit_id"] for unit in row.values["value_units"]]
    yield from differs(row, "value_unit_ids", frozen, "value_units")


def _usage_event(files: SeedFiles, row: SeedRow, dimensions: dict[str, list[str]]) -> Iterator[SeedProblem]:
    yield from unknown(files, row, "workspace_id", "workspaces.json")
    yield from unknown(files, row, "customer_id", "customers.json")
    yield from unknown(files, row, "segment", "segment_catalog.json")
    event_type = row.values["event_type"]
    yield from unknown(files, row, "event_type", "event_catalog.json")
    for name, value in row.values.items():
        if name in BASE_FIELDS:
            continue
        if name not in dimensions.get(event_type, [name]):
            yield row.problem(name, f"is no dimension of {event_type}")
        elif isinstance(value, list | dict):
            yield row.problem(name, "must be a text, a number, true or false")
