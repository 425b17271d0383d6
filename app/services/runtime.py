"""The runtime config: built once at activation as canonical bytes, served as they are (spec 5 and 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
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


def _of_subject(model: type[Any]) -> list[Any]:
    return [getattr(model, name) == sa.bindparam(name) for name in SUBJECT_FIELDS]


_DUE = (
    sa.select(ConfigVersion.config_version_id)
    .where(ConfigVersion.status == sa.literal_column(f"'{ConfigStatus.APPROVED}'"), *_of_subject(ConfigVersion))
    .where(ConfigVersion.effective_at <= sa.bindparam("now"))
)
_READ = sa.select(RuntimeConfig.document, RuntimeConfig.digest, _DUE.exists().label("something_due")).select_from(
    sa.select(sa.literal(1).label("one"))
    .subquery()
    .outerjoin(RuntimeConfig, sa.and_(RuntimeConfig.current, *_of_subject(RuntimeConfig)))
)
"""One row whatever there is: the current document, if any, and whether an approved config waits for promotion."""


@dataclass(frozen=True)
class Reading:
    """What a subject's apps should enforce: canonical bytes and their SHA-256, None when nothing is active.

    `something_due` says that an approved config's moment has come and nobody has promoted it yet.
    """

    document: bytes | None
    digest: str | None
    something_due: bool


def read(session: Any, subject: Mapping[str, str], *, now: datetime) -> Reading:
    """The active document of a subject: one statement, answered from indexes."""
    values = {name: subject[name] for name in SUBJECT_FIELDS} | {"now": now}
    return Reading(*session.connection().execute(_READ, values).one())
