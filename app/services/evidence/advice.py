"""What to change because of what came back: one action for each pool that a drift is about, with the pool's name."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, Pool
from app.services.evidence.comparison import Comparison, in_force, type_comparisons
from app.services.evidence.counts import by_unit
from app.services.evidence.sequence_gaps import Reporters, ranges_text
from app.services.wording.words import plural, quantity_text
from rules import drift
from rules.enums import ConfigStatus, EnforcementEventType
from rules.lifecycle import is_editable
from rules.navigator import RecommendedAction

ADVICE: Mapping[str, str] = {
    EnforcementEventType.HARD_CAP_BLOCKED: "raise {} or split the segment",
    EnforcementEventType.RAIL_THROTTLE_APPLIED: "raise {} or split the segment",
    EnforcementEventType.OVERRIDE_APPROVED: "raise monthly_spend_cap_usd or include more in {}",
    EnforcementEventType.RAIL_WARNING_SHOWN: "raise {} or warn later",
}
"""What to do when more customers than forecast met it, gravest first; of one pool only the gravest is said."""
WHEN_LESS = "include less in {}, once the app is known to report everything"
IN_FORCE = (ConfigStatus.ACTIVE.value, ConfigStatus.ARCHIVED.value)


def drift_actions(
    session: Any,
    seen_in: ConfigVersion,
    rows: Iterable[Comparison],
    pools: Sequence[Pool],
    link: Callable[[Pool], str],
    about: str = "",
) -> list[RecommendedAction]:
    """`hard_cap_blocked 4.06 × forecast: raise Core or split the segment`; none without a drift or a pool.

    `pools` are those that can be changed: of the version itself, or of the draft that follows it. A statement for each
    event type that drifts, four at most.
    """
    by_type = {row.event_type: row for row in rows if row.verdict in drift.DRIFTED}
    actions: dict[tuple[str, str], RecommendedAction] = {}
    for event_type, advice in ADVICE.items():
        row = by_type.get(event_type)
        pool = row and _pool_in_question(session, seen_in, event_type, pools)
        if row and pool:
            change = (advice if row.verdict == drift.MORE else WHEN_LESS).format(pool.label)
            text = f"{event_type} {_times(row)}{about}: {change}"
            action = RecommendedAction(f"drift_{row.verdict}", text, link(pool))
            actions.setdefault((pool.pool_id, row.verdict), action)
    return list(actions.values())


def _times(row: Comparison) -> str:
    if row.ratio is None:
        return f"for {plural(row.customers_in_window, 'customer')} where none was forecast"
    return f"{quantity_text(row.ratio)} × forecast"


def _pool_in_question(session: Any, seen_in: ConfigVersion, event_type: str, pools: Sequence[Pool]) -> Pool | None:
    """The pool of the unit that most customers met the limit with; the last one, where what is beyond is booked."""
    candidates = [pool for pool in pools if not pool.is_exploration_pool] or list(pools)
    counts = by_unit(session, seen_in.config_version_id, event_type)
    ranked = sorted(counts.items(), key=lambda item: (-item[1].customers, item[0] or ""))
    for unit_id, _ in ranked:
        if found := [pool for pool in candidates if pool.value_unit_id == unit_id]:
            return found[-1]
    return candidates[0] if candidates else None


def missing_actions(found: Reporters) -> Iterator[RecommendedAction]:
    """Where numbers are missing: the evidence is not whole."""
    if found.missing:
        worst = found.listed[0]
        others = f" and {plural(found.clients - 1, 'other client')}" if found.clients > 1 else ""
        text = (
            f"find out what became of {plural(found.missing, 'enforcement event')} that never arrived: "
            f"{worst.client_id} sent no {ranges_text(worst.missing_ranges)}{others}"
        )
        yield RecommendedAction("events_missing", text, "#clients")


def predecessor_actions(session: Any, config: ConfigVersion, *, now: datetime) -> list[RecommendedAction]:
    """For a draft: what drifted under its baseline, and under the version that its subject decided last."""
    if not is_editable(config.status):
        return []

    def link(pool: Pool) -> str:
        here = f"/configs/{quote(config.config_version_id, safe='')}/pools"
        return f"{here}?pool={quote(pool.pool_id, safe='')}#included_quantity"

    actions = []
    for before in _versions_before(session, config):
        rows = type_comparisons(session, in_force(session, before, now=now))
        about = f" under {before.config_version_id}"
        actions += drift_actions(session, before, rows, config.pools, link, about)
    return actions


def _versions_before(session: Any, config: ConfigVersion) -> Sequence[ConfigVersion]:
    """At most two, the newest first."""
    same = {name: getattr(config, name) for name in SUBJECT_FIELDS}
    decided = sa.select(ConfigVersion).filter_by(**same).where(ConfigVersion.status.in_(IN_FORCE))
    newest = session.scalar(decided.order_by(ConfigVersion.version.desc()).limit(1))
    baseline = config.baseline_config_version_id and session.get(ConfigVersion, config.baseline_config_version_id)
    return list(dict.fromkeys(version for version in (newest, baseline) if version is not None))
