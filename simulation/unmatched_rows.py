"""`outputs.unmatched_usage`, and the risk that usage goes uncounted (spec 4.3)."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from simulation.canonical import number_text
from simulation.numbers import rounded, total
from simulation.output_shapes import (
    FieldCoverage,
    MappedTypeRow,
    OtherTypeRow,
    OtherTypesRest,
    RiskEntry,
    UncountedRest,
    UncountedRow,
    UnmatchedUsage,
)
from simulation.plan import ConfigPlan, Meter
from simulation.unmatched import Amount, Coverage, MappedType, TypeCoverage, UncountedValues

RISK_SHARE = Decimal("0.05")
"""More of an event type's events, or of a summed field, than this share, matched by no unit, is a risk."""
OTHERS_SHOWN = 20


def unmatched_usage(config: ConfigPlan, coverage: Coverage) -> UnmatchedUsage:
    """`outputs.unmatched_usage`: mapped event types by name, the others by their number of events."""
    others = sorted(coverage.others.items(), key=lambda item: (-item[1], item[0]))
    return {
        "mapped_event_types": [mapped_row(item) for item in coverage.types],
        "other_event_types": [_other(config, name, events) for name, events in others[:OTHERS_SHOWN]],
        "other_rest": _others_rest(others[OTHERS_SHOWN:]),
    }


def mapped_row(found: TypeCoverage) -> MappedTypeRow:
    """The row of one mapped event type."""
    mapped = found.mapped
    return {
        "event_type": mapped.event_type,
        "value_unit_ids": [unit_id for unit_id, _ in mapped.pooled],
        "events": found.whole.events,
        "unmatched_events": found.unmatched.events,
        "unpooled_events": found.unpooled.events,
        "quantities": list(_fields(found)),
        "values": [_values(mapped, row) for row in found.values],
        "rest": _rest(found),
    }


def _fields(found: TypeCoverage) -> Iterator[FieldCoverage]:
    """The summed fields; none where every event counts, because nothing was looked up then."""
    amounts = (found.whole, found.unmatched, found.unpooled)
    for meter, *parts in zip(found.mapped.sums, *(amount.quantities for amount in amounts), strict=False):
        quantity, unmatched, unpooled = map(rounded, parts)
        yield {
            "field": meter.field,
            "minus": meter.minus or None,
            "quantity": quantity,
            "unmatched_quantity": unmatched,
            "unpooled_quantity": unpooled,
        }


def _values(mapped: MappedType, row: UncountedValues) -> UncountedRow:
    return {
        "values": dict(zip(mapped.dimensions, row.texts, strict=True)),
        "events": row.amount.events,
        "quantities": list(map(rounded, row.amount.quantities)),
        "value_unit_ids": [
            unit.value_unit_id for unit, takes in zip(mapped.unpooled, row.takers, strict=True) if takes
        ],
    }


def _rest(found: TypeCoverage) -> UncountedRest:
    """The sums of what the listed values leave out."""
    listed = [row.amount for row in found.values]
    uncounted = (found.unmatched, found.unpooled)
    return {
        "combinations": found.combinations - len(listed),
        "events": _events(uncounted) - _events(listed),
        "quantities": [
            rounded(_quantity(uncounted, at) - _quantity(listed, at)) for at in range(len(found.unmatched.quantities))
        ],
    }


def _events(amounts: Sequence[Amount]) -> int:
    return sum(amount.events for amount in amounts)


def _quantity(amounts: Sequence[Amount], at: int) -> Decimal:
    return total(amount.quantities[at] for amount in amounts)


def _other(config: ConfigPlan, event_type: str, events: int) -> OtherTypeRow:
    rule = config.exploration
    return {
        "event_type": event_type,
        "events": events,
        "value_unit_ids": [unit.value_unit_id for unit in config.unpooled if unit.meter.event_type == event_type],
        "is_qualifying_event": rule.enabled and event_type in rule.qualifying_events,
    }


def _others_rest(others: Sequence[tuple[str, int]]) -> OtherTypesRest:
    return {"event_types": len(others), "events": sum(events for _, events in others)}


def usage_unmatched(coverage: Coverage) -> Iterator[RiskEntry]:
    """The risk of each event type of which more than `RISK_SHARE` matches no unit."""
    for found in coverage.types:
        if _is_risk(found):
            row = mapped_row(found)
            yield {
                "code": "usage_unmatched",
                "detail": f"{_share(found)} {_matches(found)} no unit{_mostly(found)}: no unit counts, costs or prices "
                "them. Widen a filter, or map them by a unit of their own.",
                "event_type": row["event_type"],
                "value_unit_id": row["value_unit_ids"][0],
                "value_unit_ids": row["value_unit_ids"],
                "events": row["events"],
                "unmatched_events": row["unmatched_events"],
                "quantities": row["quantities"],
            }


def _is_risk(found: TypeCoverage) -> bool:
    pairs = [(Decimal(found.unmatched.events), Decimal(found.whole.events))]
    pairs += zip(found.unmatched.quantities, found.whole.quantities, strict=True)
    return any(part > 0 and part > RISK_SHARE * whole for part, whole in pairs)


def _share(found: TypeCoverage) -> str:
    """`1 of 2 events of render (90 of 100 minutes)`."""
    sums = [
        f"{_text(found.unmatched.quantities[at])} of {_text(found.whole.quantities[at])} {_name(meter)}"
        for at, meter in enumerate(found.mapped.sums)
    ]
    events = f"{found.unmatched.events} of {found.whole.events} events of {found.mapped.event_type}"
    return f"{events} ({', '.join(sums)})" if sums else events


def _matches(found: TypeCoverage) -> str:
    return "matches" if found.unmatched.events == 1 else "match"


def _mostly(found: TypeCoverage) -> str:
    """`, most of them with resolution 8K`; the most frequent values that no unit takes, where they are listed."""
    row = next((row for row in found.values if not any(row.takers)), None)
    if row is None:
        return ""
    texts = [
        f"{name} {'missing' if text is None else text}"
        for name, text in zip(found.mapped.dimensions, row.texts, strict=True)
    ]
    frequency = "" if row.amount.events == found.unmatched.events else "most often "
    return f", {frequency}with {' and '.join(texts)}"


def _name(meter: Meter) -> str:
    return f"{meter.field} less {meter.minus}" if meter.minus else meter.field


def _text(value: Decimal) -> str:
    return number_text(rounded(value))
