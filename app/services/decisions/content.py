"""The content of a decision: its config document, its runtime config, and its diff as tables (spec 5 and 7)."""

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.value_unit import ValueUnitSnapshot
from app.services.configs.diffs import sections
from app.services.configs.documents import config_document, with_delivery
from app.services.configs.lookup import cycle_of
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
    """The config document that the decision is about: as apps read it; of a scheduled one, as they will.

    Of a withdrawn one it is what had been decided, whatever the draft has become since.
    """
    runtime = runtime_of(session, decision)
    if runtime is not None:
        return Served(runtime.config_version_id, runtime.document).decided
    for entry in decision.history:
        if entry["type"] == "withdrawn":
            document: JsonObject = entry["document"]
            return document
    config = decision.config_version
    content = config_document(config, cycle_of(session, config), decided_snapshot(session, decision))
    return with_delivery(content, config.delivery)


def decided_snapshot(session: AnySession, decision: DecisionRecord) -> ValueUnitSnapshot | None:
    """The snapshot of value units that the decision stands on."""
    return session.scalar(
        sa.select(ValueUnitSnapshot).filter_by(
            cycle_id=decision.cycle_id, snapshot_version=decision.value_unit_snapshot_version
        )
    )


def diff_of(session: AnySession, decision: DecisionRecord) -> list[SectionTable]:
    """The decision's diff section by section, with a sentence for each change."""
    document, changes = decided_document(session, decision), decision.diff.get("changes") or []
    before = undone(sections(document), changes)
    earlier = {name: list(before[name].values()) for name in ("pools", "value_units")}
    return tables(document, changes, names_of(earlier, document))
