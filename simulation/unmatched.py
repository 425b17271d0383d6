"""Usage that no unit counts: which events of a mapped event type pass the filters of no pooled unit (spec 4.2, 6).

The definition and its plain rendering; `simulation.unmatched_columns` is the columnar twin. What comes out of both is a
`Coverage`, from which `simulation.unmatched_rows` writes `outputs.unmatched_usage`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulation.events import Event
from simulation.metering import added, matches
from simulation.numbers import total
from simulation.plan import ConfigPlan, Meter, UnpooledUnit

SHOWN = 10
"""The most frequent values that are listed; the others are summed."""


@dataclass(frozen=True)
class Amount:
    """A number of events, and what each summed field of their event type adds up to over them (it can be negative)."""

    events: int
    quantities: tuple[Decimal, ...]


@dataclass(frozen=True)
class MappedType:
    """An event type that pooled units map, with the units that do: `pooled` (at least one), and the snapshot's others.

    Where a pooled unit has no filter, every event of the type counts.
    """

    event_type: str
    pooled: tuple[tuple[str, Meter], ...]
    unpooled: tuple[UnpooledUnit, ...]

    @property
    def counts_all(self) -> bool:
        """Whether some pooled unit counts every event of the type."""
        return any(not meter.filters for _, meter in self.pooled)

    @property
    def sums(self) -> tuple[Meter, ...]:
        """The pooled sums, one for each field, less another one or not."""
        return tuple({meter.added: meter for _, meter in self.pooled if meter.aggregation == "sum"}.values())

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that the pooled units filter by, in order of their names."""
        return tuple(sorted({name for _, meter in self.pooled for name, _ in meter.filters}))


@dataclass(frozen=True)
class UncountedValues:
    """Events with the same texts in the filtered dimensions (None: missing); `takers` says which unpooled units match.

    `texts` are in the order of `MappedType.dimensions`, `takers` in that of `MappedType.unpooled`.
    """

    texts: tuple[str | None, ...]
    takers: tuple[bool, ...]
    amount: Amount

    @property
    def order(self) -> tuple[object, ...]:
        """The sort key: the most events first, then the texts, a missing one first."""
        return -self.amount.events, *((text is not None, text or "") for text in self.texts), *self.takers


@dataclass(frozen=True)
class TypeCoverage:
    """The events of one type: all, `unmatched` by any unit of the snapshot, matched by `unpooled` units alone.

    `values` are the most frequent ones of the last two, at most `SHOWN` of `combinations`.
    """

    mapped: MappedType
    whole: Amount
    unmatched: Amount
    unpooled: Amount
    values: tuple[UncountedValues, ...]
    combinations: int


@dataclass(frozen=True)
class Coverage:
    """The coverage of each mapped event type, in the segment; and the events of all others, in the whole workspace."""

    types: tuple[TypeCoverage, ...]
    others: Mapping[str, int]


def mapped_types(config: ConfigPlan) -> tuple[MappedType, ...]:
    """The event types that the config's pooled units map, in order of their names."""
    pooled = [(unit.value_unit_id, unit.meter) for unit in config.units]
    return tuple(
        mapped_type(name, pooled, config.unpooled) for name in sorted({meter.event_type for _, meter in pooled})
    )


def mapped_type(
    event_type: str, pooled: Iterable[tuple[str, Meter]], unpooled: Iterable[UnpooledUnit] = ()
) -> MappedType:
    """The event type with those of the units that map it."""
    return MappedType(
        event_type,
        tuple((unit_id, meter) for unit_id, meter in pooled if meter.event_type == event_type),
        tuple(unit for unit in unpooled if unit.meter.event_type == event_type),
    )


def coverage(config: ConfigPlan, scope: Sequence[Event], workspace: Iterable[Event]) -> Coverage:
    """The coverage from the events of the window: those of the segment, and those of the whole workspace."""
    types = mapped_types(config)
    mapped = {item.event_type for item in types}
    return Coverage(
        types=tuple(type_coverage(item, scope) for item in types),
        others=Counter(event.event_type for event in workspace if event.event_type not in mapped),
    )


def type_coverage(mapped: MappedType, events: Iterable[Event]) -> TypeCoverage:
    """The coverage of one event type over these events."""
    own = [event for event in events if event.event_type == mapped.event_type]
    if mapped.counts_all:
        return all_counted(mapped, len(own))
    groups = _uncounted(mapped, own)
    return assembled(mapped, _amount(mapped, own), [*_values(mapped, groups)])


def all_counted(mapped: MappedType, events: int) -> TypeCoverage:
    """The coverage of a type whose every event counts: nothing is looked up beside their number."""
    return TypeCoverage(mapped, Amount(events, ()), Amount(0, ()), Amount(0, ()), (), 0)


def assembled(mapped: MappedType, whole: Amount, values: Sequence[UncountedValues]) -> TypeCoverage:
    """The coverage of a type from all the values that no pooled unit counts."""
    ordered = sorted(values, key=lambda row: row.order)
    return TypeCoverage(
        mapped,
        whole,
        unmatched=summed(mapped, (row.amount for row in ordered if not any(row.takers))),
        unpooled=summed(mapped, (row.amount for row in ordered if any(row.takers))),
        values=tuple(ordered[:SHOWN]),
        combinations=len(ordered),
    )


def summed(mapped: MappedType, amounts: Iterable[Amount]) -> Amount:
    """The sum of the amounts; zeros when there is none."""
    rows = list(amounts)
    return Amount(
        sum(row.events for row in rows),
        tuple(total(row.quantities[at] for row in rows) for at in range(len(mapped.sums))),
    )


Group = tuple[tuple[str | None, ...], tuple[bool, ...]]


def _uncounted(mapped: MappedType, events: Iterable[Event]) -> Mapping[Group, list[Event]]:
    groups: dict[Group, list[Event]] = defaultdict(list)
    for event in events:
        if not any(matches(meter, event) for _, meter in mapped.pooled):
            takers = tuple(matches(unit.meter, event) for unit in mapped.unpooled)
            groups[tuple(map(event.text, mapped.dimensions)), takers].append(event)
    return groups


def _values(mapped: MappedType, groups: Mapping[Group, Sequence[Event]]) -> Iterator[UncountedValues]:
    for (texts, takers), events in groups.items():
        yield UncountedValues(texts, takers, _amount(mapped, events))


def _amount(mapped: MappedType, events: Sequence[Event]) -> Amount:
    return Amount(len(events), tuple(total(added(meter, event) for event in events) for meter in mapped.sums))
