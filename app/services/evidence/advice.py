"""Actions from evidence: what to change where reports drift from the forecast, one for each pool concerned."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion, Pool, subject_of
from app.services.evidence.comparison import Comparison, in_force, type_comparisons
from app.services.evidence.counts import by_unit
from app.services.evidence.sequence_gaps import Reporters, ranges_text
from app.services.wording.words import plural
from rules import drift
from rules.amounts import quantity_text
from rules.enums import ConfigStatus, EnforcementEventType
from rules.lifecycle import is_editable
from rules.navigator import RecommendedAction
from rules.wording import words

ADVICE: Mapping[str, str] = {
    EnforcementEventType.HARD_CAP_BLOCKED: "raise {} or split the segment",
    EnforcementEventType.RAIL_THROTTLE_APPLIED: "raise {} or split the segment",
    EnforcementEventType.OVERRIDE_APPROVED: "raise the monthly spend cap or include more in {}",
    EnforcementEventType.RAIL_WARNING_SHOWN: "raise {} or warn later",
}
"""Event type → the advice when more customers than forecast met it, gravest first; a pool gets the gravest."""
WHEN_LESS = "include less in {}, once the app is known to report everything"
IN_FORCE = (ConfigStatus.ACTIVE.value, ConfigStatus.ARCHIVED.value)


def drift_actions(
    session: AnySession,
    observed: ConfigVersion,
    rows: Iterable[Comparison],
    pools: Sequence[Pool],
    link: Callable[[Pool], str],
    suffix: str = "",
) -> list[RecommendedAction]:
    """`hard cap blocked 4.06 × forecast: raise Core or split the segment`; none without a drift or a pool.

    `rows` compare the version `observed`; `pools` are those that can be changed: its own, or those of the draft that
    follows it. `suffix` follows what has drifted. Takes a statement for each event type that drifts, at most four.
    """
    by_type = {row.event_type: row for row in rows if row.verdict in drift.DRIFTED}
    actions: dict[tuple[str, str], RecommendedAction] = {}
    for event_type, advice in ADVICE.items():
        row = by_type.get(event_type)
        pool = _pool_in_question(session, observed, event_type, pools) if row else None
        if row and pool:
            change = (advice if row.verdict == drift.MORE else WHEN_LESS).format(pool.label)
            text = f"{words(event_type)} {_times(row)}{suffix}: {change}"
            action = RecommendedAction(f"drift_{row.verdict}", text, link(pool))
            actions.setdefault((pool.pool_id, row.verdict), action)
    return list(actions.values())


def _times(row: Comparison) -> str:
    if row.ratio is None:
        return f"for {plural(row.customers_in_window, 'customer')} where none was forecast"
    return f"{quantity_text(row.ratio)} × forecast"


def _pool_in_question(
    session: AnySession, observed: ConfigVersion, event_type: str, pools: Sequence[Pool]
) -> Pool | None:
    """The pool of the unit with which most customers met the limit; of several its last, which books what is beyond."""
    candidates = [pool for pool in pools if not pool.is_exploration_pool] or list(pools)
    counts = by_unit(session, observed.config_version_id, event_type)
    ranked = sorted(counts.items(), key=lambda item: (-item[1].customers, item[0] or ""))
    for unit_id, _ in ranked:
        if of_unit := [pool for pool in candidates if pool.value_unit_id == unit_id]:
            return of_unit[-1]
    return candidates[0] if candidates else None


def missing_actions(reporters: Reporters) -> Iterator[RecommendedAction]:
    """One action where numbers are missing, because the evidence is incomplete then."""
    if reporters.missing:
        worst = reporters.listed[0]
        others = f" and {plural(reporters.clients - 1, 'other client')}" if reporters.clients > 1 else ""
        text = (
            f"find out what became of {plural(reporters.missing, 'enforcement event')} that never arrived: "
            f"{worst.client_id} sent no {ranges_text(worst.missing_ranges)}{others}"
        )
        yield RecommendedAction("events_missing", text, "#clients")


def predecessor_actions(session: AnySession, config: ConfigVersion, *, now: datetime) -> list[RecommendedAction]:
    """For a draft: what drifts under its baseline and under its subject's last decided version ask to change."""
    if not is_editable(config.status):
        return []

    def link(pool: Pool) -> str:
        here = f"/configs/{quote(config.config_version_id, safe='')}/pools"
        return f"{here}?pool={quote(pool.pool_id, safe='')}#included_quantity"

    actions = []
    for predecessor in _predecessors(session, config):
        rows = type_comparisons(session, in_force(session, predecessor, now=now))
        suffix = f" under {predecessor.display_name}"
        actions += drift_actions(session, predecessor, rows, config.pools, link, suffix)
    return actions


def _predecessors(session: AnySession, config: ConfigVersion) -> Sequence[ConfigVersion]:
    """The newest version of the subject that was in force, and the config's baseline; each once."""
    decided = sa.select(ConfigVersion).filter_by(**subject_of(config)).where(ConfigVersion.status.in_(IN_FORCE))
    newest = session.scalar(decided.order_by(ConfigVersion.version.desc()).limit(1))
    baseline_id = config.baseline_config_version_id
    baseline = session.get(ConfigVersion, baseline_id) if baseline_id else None
    return list(dict.fromkeys(version for version in (newest, baseline) if version is not None))
