"""Cards for the next cycle from what came back of the active configs (spec 7, flow 1A; the learning loop).

They have the shape of extracted cards, so that they are accepted, dismissed and carried on like them. `source` is the
config, `sentence` what the apps reported.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.services.evidence.comparison import Comparison, in_force, type_comparisons
from app.services.evidence.counts import by_unit
from app.services.wording.words import plural, quantity_text
from rules import drift
from rules.enums import ConfigStatus, EnforcementEventType
from rules.extraction import Card

EVIDENCE = "evidence"
MAX_CONFIGS = 12
GRADUATED = EnforcementEventType.EXPLORATION_GRADUATED.value
QUALITY_FAILED = EnforcementEventType.QUALITY_PROXY_FAILED.value


def evidence_cards(session: Any, workspace_id: str, *, now: datetime) -> list[dict[str, Any]]:
    """What the workspace's active configs taught: graduations, failed quality proxies by unit, and drifts."""
    active = (
        sa.select(ConfigVersion)
        .filter_by(workspace_id=workspace_id, status=ConfigStatus.ACTIVE.value)
        .where(sa.exists().where(EnforcementEvent.config_version_id == ConfigVersion.config_version_id))
        .order_by(ConfigVersion.segment, ConfigVersion.config_version_id)
        .limit(MAX_CONFIGS)
    )
    return [card.as_dict() for config in session.scalars(active).all() for card in _cards(session, config, now)]


def with_evidence(cards: Sequence[Mapping[str, Any]], suggested: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The stored cards, and the suggested ones that nobody has judged yet."""
    known = {card["card_id"] for card in cards}
    return [*map(dict, cards), *(dict(card) for card in suggested if card["card_id"] not in known)]


def _cards(session: Any, config: ConfigVersion, now: datetime) -> Iterator[Card]:
    config_id = config.config_version_id
    rows = {row.event_type: row for row in type_comparisons(session, in_force(session, config, now=now))}
    if graduated := rows[GRADUATED].customers:
        said = f"{plural(graduated, 'customer')} graduated from exploration under {config_id}"
        yield _card(config_id, GRADUATED, said, f"{plural(rows[GRADUATED].events, GRADUATED + ' event')} so far.")
    if rows[QUALITY_FAILED].events:
        yield from _quality(session, config_id)
    for row in rows.values():
        if row.verdict in drift.DRIFTED:
            yield _card(config_id, f"{row.event_type}:{row.verdict}", _drift(row, config_id), row.text)


def _quality(session: Any, config_id: str) -> Iterator[Card]:
    """The units with most failures first."""
    counts = by_unit(session, config_id, QUALITY_FAILED)
    for unit_id, found in sorted(counts.items(), key=lambda item: (-item[1].events, item[0] or "")):
        unit = f" for unit {unit_id}" if unit_id else ""
        times = plural(found.events, "time")
        sentence = f"{times} with {plural(found.customers, 'customer')} under {config_id}."
        yield _card(config_id, f"{QUALITY_FAILED}:{unit_id or ''}", f"{QUALITY_FAILED} {times}{unit}", sentence)


def _drift(row: Comparison, config_id: str) -> str:
    times = "without a forecast of any" if row.ratio is None else f"{quantity_text(row.ratio)} × forecast"
    return f"{row.event_type} {times} under {config_id}"


def _card(config_id: str, value: str, label: str, sentence: str) -> Card:
    return Card(kind=EVIDENCE, value=value, label=label, sentence=sentence, source=config_id)
