"""Usage that no unit counts, as the review of a run says it, and the screens where it can be counted (spec 4.3).

Pure.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.services.wording.words import plural
from rules.amounts import quantity_text
from rules.draft import Draft, ValueUnit
from rules.places import at_unit, config_screen, link_to_new_unit
from simulation.canonical import Json
from simulation.output_shapes import FieldCoverage, MappedTypeRow


@dataclass(frozen=True)
class Way:
    """A change that would count the usage, and the link to make it."""

    label: str
    deep_link: str


@dataclass(frozen=True)
class UncountedType:
    """An event type of which some usage is not counted: `row` of the outputs, a sentence about it, what to do."""

    row: MappedTypeRow
    says: str
    ways: tuple[Way, ...]


def uncounted_types(outputs: Mapping[str, Json], draft: Draft) -> tuple[UncountedType, ...]:
    """The mapped event types with uncounted usage; none for runs of older versions, whose outputs lack them."""
    rows: list[MappedTypeRow] = (outputs.get("unmatched_usage") or {}).get("mapped_event_types", [])
    return tuple(UncountedType(row, says(row), tuple(_ways(row, draft))) for row in rows if row["values"])


def says(row: MappedTypeRow) -> str:
    """`1 of 2 events of render (90 of 100 minutes) matches no unit; 1 of … matches only units that no pool counts.`"""
    unmatched = [_sum(item, item["unmatched_quantity"]) for item in row["quantities"]]
    unpooled = [_sum(item, item["unpooled_quantity"]) for item in row["quantities"]]
    parts = (
        (row["unmatched_events"], unmatched, "no unit"),
        (row["unpooled_events"], unpooled, "only units that no pool counts"),
    )
    return "; ".join(f"{_share(row, events, sums)} {what}" for events, sums, what in parts if events) + "."


def _share(row: MappedTypeRow, events: int, sums: list[str]) -> str:
    """`1 of 2 events of render (90 of 100 minutes) matches`."""
    brackets = f" ({', '.join(sums)})" if sums else ""
    verb = "matches" if events == 1 else "match"
    return f"{quantity_text(events)} of {plural(row['events'], 'event')} of {row['event_type']}{brackets} {verb}"


def _sum(item: FieldCoverage, part: Decimal) -> str:
    return f"{quantity_text(part)} of {quantity_text(item['quantity'])} {field_text(item)}"


def field_text(item: FieldCoverage) -> str:
    """The summed field as people read it: `input_tokens less cached_tokens`."""
    return f"{item['field']} less {item['minus']}" if item["minus"] else item["field"]


def _ways(row: MappedTypeRow, draft: Draft) -> Iterator[Way]:
    """Widen a filter of a unit that maps the event, make a unit of its own, or pool the units that match."""
    names = {unit.value_unit_id: unit.name or unit.value_unit_id for unit in draft.units or ()}
    if row["unmatched_events"]:
        for unit_id in row["value_unit_ids"]:
            place = at_unit(draft, ValueUnit(value_unit_id=unit_id), "event_mapping.filters")
            yield Way(f"Widen a filter of {names.get(unit_id, unit_id)}", place.deep_link)
        yield Way("Map it by a new unit", link_to_new_unit(draft.cycle.cycle_id, row["event_type"]))
    takers = dict.fromkeys(unit_id for value in row["values"] for unit_id in value["value_unit_ids"])
    for unit_id in takers:
        yield Way(f"Give {names.get(unit_id, unit_id)} a pool", config_screen(draft, "pools"))
