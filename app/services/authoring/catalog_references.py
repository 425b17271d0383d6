"""Which value units, cycles and configs use a catalog entry, each with the link back (spec 6 and 7, "Referenced in").

The columns searched are canonical JSON text: a LIKE on the quoted id finds the candidates, Python decides.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion, ExplorationRule
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from rules.places import link_to_config, link_to_cycle, link_to_unit
from simulation.canonical import canonical_text

MAX_REFERENCES = 200


@dataclass(frozen=True)
class Reference:
    """One use of a catalog entry: by whom, in which field, and where to change it."""

    entity_type: str
    entity_id: str
    name: str
    workspace_id: str
    field: str
    deep_link: str

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def references(session: Any, catalog: str, key: str) -> list[Reference]:
    """The first 200 uses of the entry `key` of `catalog` (events, metrics, quality-signals, segments, customers)."""
    found = (reference for search in SEARCHES.get(catalog, ()) for reference in search(session, key))
    return [reference for reference, _ in zip(found, range(MAX_REFERENCES), strict=False)]


def mentions(column: Any, key: str) -> sa.ColumnElement[bool]:
    """Whether the JSON text of a column may hold the text `key`: every row that does, and a few that do not."""
    return sa.type_coerce(column, sa.Text).contains(canonical_text(key), autoescape=True)


def _units(session: Any, key: str, column: Any, field: str, uses: Callable[[Any], bool]) -> Iterator[Reference]:
    statement = (
        sa.select(ValueUnitDefinition, Cycle.workspace_id)
        .join(Cycle, Cycle.cycle_id == ValueUnitDefinition.cycle_id)
        .where(mentions(column, key))
        .order_by(ValueUnitDefinition.value_unit_id)
    )
    for unit, workspace_id in session.execute(statement):
        if uses(getattr(unit, column.key)):
            link = link_to_unit(unit.cycle_id, unit.value_unit_id, field)
            yield Reference("value_unit", unit.value_unit_id, unit.name, workspace_id, field, link)


def _cycles(session: Any, key: str, column: Any) -> Iterator[Reference]:
    statement = sa.select(Cycle).where(mentions(column, key)).order_by(Cycle.cycle_id)
    for cycle in session.scalars(statement):
        if key in getattr(cycle, column.key):
            link = link_to_cycle(cycle.cycle_id, column.key)
            yield Reference("cycle", cycle.cycle_id, cycle.cycle_name, cycle.workspace_id, column.key, link)


def _configs(rows: Iterable[ConfigVersion], field: str, screen: str) -> Iterator[Reference]:
    """Configs that use the entry in a field, which the screen shows under the last part of its name."""
    for config in rows:
        name = f"{config.segment} {config.stage} {config.target_environment} v{config.version}"
        link = link_to_config(config.config_version_id, screen, field.rpartition(".")[2])
        yield Reference("config_version", config.config_version_id, name, config.workspace_id, field, link)


def _of_event(session: Any, key: str) -> Iterator[Reference]:
    column = ValueUnitDefinition.event_mapping
    yield from _units(
        session, key, column, "event_mapping.event_type", lambda mapping: mapping.get("event_type") == key
    )
    statement = (
        sa.select(ConfigVersion)
        .join(ExplorationRule, ExplorationRule.config_version_id == ConfigVersion.config_version_id)
        .where(mentions(ExplorationRule.qualifying_events, key))
        .order_by(ConfigVersion.config_version_id)
    )
    rows = (row for row in session.scalars(statement) if key in row.exploration.qualifying_events)
    yield from _configs(rows, "exploration.qualifying_events", "exploration")


def _of_metric(session: Any, key: str) -> Iterator[Reference]:
    def intends(intents: Any) -> bool:
        return any(intent["metric_id"] == key for intent in intents)

    yield from _cycles(session, key, Cycle.primary_metrics)
    yield from _units(session, key, ValueUnitDefinition.metrics_intent, "metrics_intent", intends)
    statement = sa.select(ConfigVersion).where(mentions(ConfigVersion.metric_lenses, key))
    rows = session.scalars(statement.order_by(ConfigVersion.config_version_id))
    lenses = (row for row in rows if key in row.metric_lenses)
    yield from _configs(lenses, "metric_lenses", "review")


def _of_signal(session: Any, key: str) -> Iterator[Reference]:
    column = ValueUnitDefinition.quality_signal_source
    yield from _units(session, key, column, "quality_signal_source", lambda signals: key in signals)


def _of_segment(session: Any, key: str) -> Iterator[Reference]:
    yield from _cycles(session, key, Cycle.segments)
    rows = session.scalars(sa.select(ConfigVersion).filter_by(segment=key).order_by(ConfigVersion.config_version_id))
    yield from _configs(rows, "segment", "pools")


def _of_customer(session: Any, key: str) -> Iterator[Reference]:
    def names(mapping: Any) -> bool:
        wanted = (mapping.get("filters") or {}).get("customer_id")
        return key == wanted or (isinstance(wanted, list) and key in wanted)

    column = ValueUnitDefinition.event_mapping
    yield from _units(session, key, column, "event_mapping.filters.customer_id", names)


SEARCHES: dict[str, tuple[Callable[[Any, str], Iterator[Reference]], ...]] = {
    "events": (_of_event,),
    "metrics": (_of_metric,),
    "quality-signals": (_of_signal,),
    "segments": (_of_segment,),
    "customers": (_of_customer,),
}
