"""Find the units, cycles and configs that use a catalog entry, each with its link (spec 6 and 7, "Referenced in").

The columns hold canonical JSON text: a LIKE on the quoted id finds the candidates, Python decides.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from app.models.base import AnySession
from app.models.config_version import ConfigVersion, ExplorationRule
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.catalogs.kinds import Kind
from rules.places import link_to_config, link_to_cycle, link_to_unit
from simulation.canonical import Json, JsonObject, canonical_text

MAX_REFERENCES = 200

JsonColumn = InstrumentedAttribute[Json]


@dataclass(frozen=True)
class Reference:
    """A use of a catalog entry: the record that uses it, the field, and the link to change it."""

    entity_type: str
    entity_id: str
    name: str
    workspace_id: str
    field: str
    deep_link: str

    def as_dict(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def references(session: AnySession, kind: Kind, key: str, workspace_id: str | None = None) -> list[Reference]:
    """The first 200 uses of the entry `key` of a catalog, by one workspace or, without one, by all."""
    uses = (reference for search in SEARCHES[kind.slug] for reference in search(session, key))
    return list(islice((use for use in uses if workspace_id in (None, use.workspace_id)), MAX_REFERENCES))


def mentions(column: JsonColumn, key: str) -> sa.ColumnElement[bool]:
    """The condition that the JSON text of a column may hold the text `key`: true of a few rows that do not hold it."""
    return sa.type_coerce(column, sa.Text).contains(canonical_text(key), autoescape=True)


def _units(
    session: AnySession, key: str, column: JsonColumn, field: str, uses: Callable[[Json], bool]
) -> Iterator[Reference]:
    """The value units whose column holds a value that uses the entry."""
    statement = (
        sa.select(ValueUnitDefinition, Cycle.workspace_id)
        .join(Cycle, Cycle.cycle_id == ValueUnitDefinition.cycle_id)
        .where(mentions(column, key))
        .order_by(ValueUnitDefinition.value_unit_id)
    )
    for unit, workspace_id in session.execute(statement).tuples():
        if uses(getattr(unit, column.key)):
            link = link_to_unit(unit.cycle_id, unit.value_unit_id, field)
            yield Reference("value_unit", unit.value_unit_id, unit.name, workspace_id, field, link)


def _cycles(session: AnySession, key: str, column: JsonColumn) -> Iterator[Reference]:
    """The cycles whose column, a list of ids, names the entry."""
    statement = sa.select(Cycle).where(mentions(column, key)).order_by(Cycle.cycle_id)
    for cycle in session.scalars(statement):
        if key in getattr(cycle, column.key):
            link = link_to_cycle(cycle.cycle_id, column.key)
            yield Reference("cycle", cycle.cycle_id, cycle.cycle_name, cycle.workspace_id, column.key, link)


def _configs(rows: Iterable[ConfigVersion], field: str, screen: str) -> Iterator[Reference]:
    """A reference for each config; the field's place on the screen is the last part of its name."""
    for config in rows:
        title = f"{config.segment} {config.stage} {config.target_environment} v{config.version}"
        link = link_to_config(config.config_version_id, screen, field.rpartition(".")[2])
        yield Reference("config_version", config.config_version_id, title, config.workspace_id, field, link)


def _of_event(session: AnySession, key: str) -> Iterator[Reference]:
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
    candidates = session.scalars(statement)
    rows = (row for row in candidates if row.exploration and key in row.exploration.qualifying_events)
    yield from _configs(rows, "exploration.qualifying_events", "exploration")


def _of_metric(session: AnySession, key: str) -> Iterator[Reference]:
    def intends(intents: list[JsonObject]) -> bool:
        return any(intent["metric_id"] == key for intent in intents)

    yield from _cycles(session, key, Cycle.primary_metrics)
    yield from _units(session, key, ValueUnitDefinition.metrics_intent, "metrics_intent", intends)
    statement = sa.select(ConfigVersion).where(mentions(ConfigVersion.metric_lenses, key))
    candidates = session.scalars(statement.order_by(ConfigVersion.config_version_id))
    rows = (row for row in candidates if key in row.metric_lenses)
    yield from _configs(rows, "metric_lenses", "review")


def _of_signal(session: AnySession, key: str) -> Iterator[Reference]:
    column = ValueUnitDefinition.quality_signal_source
    yield from _units(session, key, column, "quality_signal_source", lambda signals: key in signals)


def _of_segment(session: AnySession, key: str) -> Iterator[Reference]:
    yield from _cycles(session, key, Cycle.segments)
    rows = session.scalars(sa.select(ConfigVersion).filter_by(segment=key).order_by(ConfigVersion.config_version_id))
    yield from _configs(rows, "segment", "pools")


def _of_customer(session: AnySession, key: str) -> Iterator[Reference]:
    def names(mapping: JsonObject) -> bool:
        customer = (mapping.get("filters") or {}).get("customer_id")
        return key == customer or (isinstance(customer, list) and key in customer)

    column = ValueUnitDefinition.event_mapping
    yield from _units(session, key, column, "event_mapping.filters.customer_id", names)


SEARCHES: dict[str, tuple[Callable[[AnySession, str], Iterator[Reference]], ...]] = {
    "events": (_of_event,),
    "metrics": (_of_metric,),
    "quality-signals": (_of_signal,),
    "segments": (_of_segment,),
    "customers": (_of_customer,),
}
