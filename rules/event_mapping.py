"""Rules about a unit's event_mapping: which usage events count as one of it (spec 1 and 3)."""

from collections.abc import Iterator

from rules.draft import Draft, ValueUnit, is_filled, pooled_units
from rules.enums import AggregationType
from rules.finding import Finding, Gate
from rules.places import at_unit
from rules.wording import listed, pick, pick_value, this_unit, words

BASE_DIMENSIONS = ("customer_id", "segment", "workspace_id")
"""Columns that each usage event has: filters and aggregations may name them beside the catalog's dimensions."""


PARTS = {"event_type": "which event counts", "aggregation": "how events add up"}
"""The parts of an event mapping without which nothing can be metered, as messages name them."""


def missing_mapping_parts(unit: ValueUnit) -> tuple[str, ...]:
    """The absent ones of `event_type` and `aggregation`, without which nothing can be metered."""
    parts = {"event_type": unit.event_mapping.event_type, "aggregation": unit.event_mapping.aggregation.type}
    return tuple(name for name, value in parts.items() if not is_filled(value))


def pooled_units_are_mapped(draft: Draft) -> Iterator[Finding]:
    """A pooled unit needs an event_type and an aggregation (simulation gate)."""
    for unit in pooled_units(draft):
        missing = missing_mapping_parts(unit)
        if missing:
            message = (
                f"{this_unit(unit)} does not say {listed((PARTS[part] for part in missing), 'nor')}. "
                "Choose an event and how it adds up."
            )
            yield Finding("unit_event_mapping_missing", Gate.SIMULATE, message, *at_unit(draft, unit, "event_mapping"))


def mappings_fit_the_event_catalog(draft: Draft) -> Iterator[Finding]:
    """Finds each part of a pooled unit's mapping that the EventCatalog cannot answer (simulation gate)."""
    for unit in pooled_units(draft):
        if missing_mapping_parts(unit):
            continue
        for part, problem in _misfits(draft, unit):
            message = f"{this_unit(unit)} {problem}"
            place = at_unit(draft, unit, f"event_mapping.{part}")
            yield Finding("unit_event_mapping_invalid", Gate.SIMULATE, message, *place)


def _misfits(draft: Draft, unit: ValueUnit) -> Iterator[tuple[str, str]]:
    """Pairs of a part of the mapping and its problem with the fix, in the order of the mapping's own fields."""
    mapping, events = unit.event_mapping, draft.catalogs.events
    dimensions = events.get(mapping.event_type or "")
    if dimensions is None:
        fix = pick(sorted(events), "Add the event to the catalog first.")
        yield "event_type", f"counts event {mapping.event_type}, which is not in the event catalog. {fix}"
    else:
        yield from _unknown_filters(unit, dimensions)
    yield from _aggregation_misfits(unit, dimensions)


def _unknown_filters(unit: ValueUnit, dimensions: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for key in sorted(map(str, unit.event_mapping.filters)):
        if key not in (*dimensions, *BASE_DIMENSIONS):
            yield f"filters.{key}", f"filters by {key}, which {_is_no_dimension(unit, dimensions)}"


def _aggregation_misfits(unit: ValueUnit, dimensions: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    """`dimensions` is None when the event is unknown: then no field can be judged."""
    how = unit.event_mapping.aggregation
    if how.type not in tuple(AggregationType):
        yield "aggregation.type", f"adds up by {words(how.type)}, which is unknown. {pick_value(AggregationType)}"
    elif how.type != AggregationType.COUNT and not is_filled(how.field):
        yield "aggregation.field", f"adds up by {words(how.type)} without a field. Name the dimension it works on."
    elif is_filled(how.field) and dimensions is not None and how.field not in (*dimensions, *BASE_DIMENSIONS):
        yield "aggregation.field", f"adds up {how.field}, which {_is_no_dimension(unit, dimensions)}"
    if is_filled(how.minus):
        yield from _minus_misfits(unit, dimensions)


def _minus_misfits(unit: ValueUnit, dimensions: tuple[str, ...] | None) -> Iterator[tuple[str, str]]:
    how = unit.event_mapping.aggregation
    if how.type != AggregationType.SUM:
        kind = words(how.type)
        yield "aggregation.type", f"takes {how.minus} off a {kind}. Only a sum can: choose sum, or take it out."
    elif how.minus == how.field:
        yield "aggregation.minus", f"takes {how.minus} off itself, which leaves nothing. Name another dimension."
    elif dimensions is not None and how.minus not in (*dimensions, *BASE_DIMENSIONS):
        yield "aggregation.minus", f"takes {how.minus} off, which {_is_no_dimension(unit, dimensions)}"


def _is_no_dimension(unit: ValueUnit, dimensions: tuple[str, ...]) -> str:
    choices = pick(dict.fromkeys((*dimensions, *BASE_DIMENSIONS)), "")
    return f"is no dimension of event {unit.event_mapping.event_type}. {choices}"
