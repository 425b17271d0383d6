"""The runtime config: built once at activation as canonical bytes, served as they are (spec 5 and 6)."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
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


def materialise(
    session: Any,
    document: Mapping[str, Any],
    config: ConfigVersion,
    decision: DecisionRecord,
    run: SimulationRun,
    now: datetime,
) -> RuntimeConfig:
    """Write the subject's new current document and retire the one before; the caller holds the subject's lock."""
    documents = RuntimeConfig.__table__
    of_subject = [documents.c[name] == value for name, value in config.subject_resolution.items()]
    session.execute(sa.update(documents).where(documents.c.current, *of_subject).values(current=False))
    content = canonical_bytes(avs_config(document, config, decision, run, now))
    row = RuntimeConfig(
        decision=decision,
        config_version_id=config.config_version_id,
        **config.subject_resolution,
        current=True,
        document=content,
        digest=sha256(content).hexdigest(),
        created_at=now,
    )
    session.add(row)
    return row


def current_document(session: Any, subject: Mapping[str, str]) -> tuple[bytes, str] | None:
    """The active document of a subject and its digest: one indexed lookup; None when nothing is active."""
    found = session.execute(
        sa.select(RuntimeConfig.document, RuntimeConfig.digest).filter_by(
            current=True, **{name: subject[name] for name in SUBJECT_FIELDS}
        )
    ).first()
    return None if found is None else (found.document, found.digest)
