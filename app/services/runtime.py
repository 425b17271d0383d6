"""The runtime config: built once at activation as canonical bytes, served as they are (spec 5 and 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from app.models.base import UtcDateTime
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion, of_subject
from app.models.decision_record import DecisionRecord
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from rules.enums import ConfigStatus
from simulation.canonical import canonical_bytes

AVS_VERSION = "v2.0"
SOURCE = "avs_brain_operator_ui"


def avs_config(
    document: Mapping[str, Any], config: ConfigVersion, decision: DecisionRecord, run: SimulationRun, now: datetime
) -> dict[str, Any]:
    """The build pack's avs_config shape, field for field."""
    approver = f"{decision.approver_name}, {decision.approver_role}"
    return {
        "avs_version": AVS_VERSION,
        "cycle_id": config.cycle_id,
        "config_version_id": config.config_version_id,
        "effective_at": decision.effective_at,
        **document,
        "quality_mode": "advisory",
        "governance": {
            "config_version_id": config.config_version_id,
            "approval_ref": decision.decision_id,
            "config_status": ConfigStatus.ACTIVE.value,
            "audit": [
                {"type": "generated", "by": SOURCE, "at": config.created_at},
                {"type": "simulated", "by": run.simulation_run_id, "at": run.completed_at},
                {"type": "approved", "by": approver, "at": decision.created_at},
                {"type": "activated", "by": SOURCE, "at": now},
            ],
        },
        "generated_at": now,
        "source": SOURCE,
    }


_DOCUMENTS = RuntimeConfig.__table__
_RETIRE = (
    sa.update(_DOCUMENTS)
    .where(_DOCUMENTS.c.current, *(_DOCUMENTS.c[name] == sa.bindparam(f"of_{name}") for name in SUBJECT_FIELDS))
    .values(current=False)
)
_MATERIALISE = sa.insert(_DOCUMENTS)


def materialise(
    session: Any,
    document: Mapping[str, Any],
    config: ConfigVersion,
    decision: DecisionRecord,
    run: SimulationRun,
    now: datetime,
) -> None:
    """Write the subject's new current document and retire the one before; the caller holds the subject's lock."""
    subject = config.subject_resolution
    content = canonical_bytes(avs_config(document, config, decision, run, now))
    session.connection().execute(_RETIRE, {f"of_{name}": value for name, value in subject.items()})
    row = {
        "decision_id": decision.decision_id,
        "config_version_id": config.config_version_id,
        **subject,
        "current": True,
        "document": content,
        "digest": sha256(content).hexdigest(),
        "created_at": now,
    }
    session.connection().execute(_MATERIALISE, row)


_DUE_AT = (
    sa.select(sa.func.min(ConfigVersion.effective_at, type_=UtcDateTime))
    .where(ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.APPROVED}'"), *of_subject(ConfigVersion))
    .scalar_subquery()
)
_READ = sa.select(
    RuntimeConfig.document,
    RuntimeConfig.digest,
    RuntimeConfig.config_version_id,
    RuntimeConfig.created_at,
    _DUE_AT.label("due_at"),
).select_from(
    sa.select(sa.literal(1).label("one"))
    .subquery()
    .outerjoin(RuntimeConfig, sa.and_(RuntimeConfig.current, *of_subject(RuntimeConfig)))
)
"""One row whatever there is: the current document, if any, and when an approved config waits to be promoted."""


@dataclass(frozen=True)
class Reading:
    """What a subject's apps should enforce: canonical bytes and their SHA-256, None when nothing is active.

    `due_at` is the earliest `effective_at` of an approved config that nobody has promoted yet; `something_due` says
    that it has come.
    """

    document: bytes | None
    digest: str | None
    config_version_id: str | None
    created_at: datetime | None
    due_at: datetime | None
    something_due: bool


def read(session: Any, subject: Mapping[str, str], *, now: datetime) -> Reading:
    """The active document of a subject: one statement, answered from indexes."""
    row = session.connection().execute(_READ, {name: subject[name] for name in SUBJECT_FIELDS}).one()
    return Reading(*row, something_due=row.due_at is not None and row.due_at <= now)
