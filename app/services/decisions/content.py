"""The content of a decision: its config document, its runtime config, and its diff as tables (spec 5 and 7)."""

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.services.configs.diffs import sections
from app.services.configs.documents import config_document, with_delivery
from app.services.configs.lookup import cycle_of, snapshot_of
from app.services.configs.reading import Served
from app.services.wording.changes import names_of
from app.services.wording.tables import SectionTable, tables, undone
from simulation.canonical import JsonObject


def runtime_of(session: AnySession, decision: DecisionRecord) -> RuntimeConfig | None:
    """The newest document that the decision gave the customer apps; None while it is scheduled."""
    newest = (
        sa.select(RuntimeConfig)
        .filter_by(decision_id=decision.decision_id)
        .order_by(RuntimeConfig.sequence.desc())
        .limit(1)
    )
    return session.scalar(newest)


def decided_document(session: AnySession, decision: DecisionRecord) -> JsonObject:
    """The config document that the decision is about: as apps read it; of a scheduled one, as they will."""
    runtime = runtime_of(session, decision)
    if runtime is not None:
        return Served(runtime.config_version_id, runtime.document).decided
    config = decision.config_version
    content = config_document(config, cycle_of(session, config), snapshot_of(session, config))
    return with_delivery(content, config.delivery)


def diff_of(session: AnySession, decision: DecisionRecord) -> list[SectionTable]:
    """The decision's diff section by section, with a sentence for each change."""
    document, changes = decided_document(session, decision), decision.diff.get("changes") or []
    before = undone(sections(document), changes)
    earlier = {name: list(before[name].values()) for name in ("pools", "value_units")}
    return tables(document, changes, names_of(earlier, document))
