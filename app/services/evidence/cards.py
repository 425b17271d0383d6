"""Cards for the next cycle, from what the apps reported about the active configs (spec 7, flow 1A).

They have the shape of extracted cards, so that they are accepted, dismissed and carried on like those. `source` is the
config, `sentence` what the apps reported.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.services.evidence.comparison import Comparison, in_force, type_comparisons
from app.services.evidence.counts import by_unit
from app.services.wording.words import plural
from rules import drift
from rules.amounts import quantity_text
from rules.enums import ConfigStatus, EnforcementEventType
from rules.extraction import EVIDENCE, Card
from rules.wording import quoted, words
from simulation.canonical import Json, JsonObject

MAX_CONFIGS = 12
GRADUATED = EnforcementEventType.EXPLORATION_GRADUATED.value
QUALITY_FAILED = EnforcementEventType.QUALITY_PROXY_FAILED.value


def evidence_cards(session: AnySession, workspace_id: str, *, now: datetime) -> list[JsonObject]:
    """Cards of the workspace's active configs: graduations, failed quality proxies by unit, and drifts."""
    active = (
        sa.select(ConfigVersion)
        .filter_by(workspace_id=workspace_id, status=ConfigStatus.ACTIVE.value)
        .where(sa.exists().where(EnforcementEvent.config_version_id == ConfigVersion.config_version_id))
        .order_by(ConfigVersion.segment, ConfigVersion.config_version_id)
        .limit(MAX_CONFIGS)
    )
    return [card.as_dict() for config in session.scalars(active).all() for card in _cards(session, config, now)]


def with_evidence(cards: Sequence[Mapping[str, Json]], suggested: Iterable[Mapping[str, Json]]) -> list[JsonObject]:
    """The stored cards, followed by the suggested ones that are not among them."""
    stored_ids = {card["card_id"] for card in cards}
    return [*map(dict, cards), *(dict(card) for card in suggested if card["card_id"] not in stored_ids)]


def _cards(session: AnySession, config: ConfigVersion, now: datetime) -> Iterator[Card]:
    config_id, name = config.config_version_id, config.display_name
    rows = {row.event_type: row for row in type_comparisons(session, in_force(session, config, now=now))}
    if graduated := rows[GRADUATED].customers:
        label = f"{plural(graduated, 'customer')} graduated from exploration under {name}"
        yield _card(
            config_id, GRADUATED, label, f"{plural(rows[GRADUATED].events, words(GRADUATED) + ' event')} so far."
        )
    if rows[QUALITY_FAILED].events:
        yield from _quality(session, config)
    for row in rows.values():
        if row.verdict in drift.DRIFTED:
            yield _card(config_id, f"{row.event_type}:{row.verdict}", _drift(row, name), row.text)


def _quality(session: AnySession, config: ConfigVersion) -> Iterator[Card]:
    """One card for each unit whose quality proxy failed, most failures first."""
    by_units = by_unit(session, config.config_version_id, QUALITY_FAILED)
    names = {unit["value_unit_id"]: unit["name"] for unit in (config.snapshot.value_units if config.snapshot else ())}
    for unit_id, counts in sorted(by_units.items(), key=lambda item: (-item[1].events, item[0] or "")):
        unit = f" for {quoted(names[unit_id])}" if unit_id in names else ""
        times = plural(counts.events, "time")
        sentence = f"{times} with {plural(counts.customers, 'customer')} under {config.display_name}."
        label = f"{words(QUALITY_FAILED).capitalize()} {times}{unit}"
        yield _card(config.config_version_id, f"{QUALITY_FAILED}:{unit_id or ''}", label, sentence)


def _drift(row: Comparison, name: str) -> str:
    times = "without a forecast of any" if row.ratio is None else f"{quantity_text(row.ratio)} × forecast"
    return f"{words(row.event_type).capitalize()} {times} under {name}"


def _card(config_id: str, value: str, label: str, sentence: str) -> Card:
    return Card(kind=EVIDENCE, value=value, label=label, sentence=sentence, source=config_id)
