"""The runtime config: built once at activation as canonical bytes, served as they are (spec 5 and 6).

A version that is approved for later stands announced in the document before it (`governance.delivery.next`), so that
every cache flips at the same instant with no call. When its moment comes, the announced document itself is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import AnyDecision
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.statements import Writes
from app.services.configs.rows import ConfigRow, RunRow
from rules.delivery import policy
from rules.enums import ConfigStatus
from simulation.canonical import canonical_bytes

AVS_VERSION = "v2.0"
SOURCE = "avs_brain_operator_ui"

Json = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """What a decision gives the apps: the enforced content of its config, and the run that it stands on."""

    document: Mapping[str, Any]
    config: ConfigVersion | ConfigRow
    decision: AnyDecision
    run: SimulationRun | RunRow


def avs_config(release: Release, *, activated_at: datetime, sequence: int, following: Sequence[Release] = ()) -> Json:
    """The avs_config of spec 5, field for field, with `governance.delivery`.

    `following` are the versions approved for later, earliest first; each is announced in the one before it.
    """
    config, decision, run = release.config, release.decision, release.run
    approver = f"{decision.approver_name}, {decision.approver_role}"
    return {
        "avs_version": AVS_VERSION,
        "cycle_id": config.cycle_id,
        "config_version_id": config.config_version_id,
        "effective_at": decision.effective_at,
        **release.document,
        "quality_mode": "advisory",
        "governance": {
            "config_version_id": config.config_version_id,
            "approval_ref": decision.decision_id,
            "config_status": ConfigStatus.ACTIVE.value,
            "audit": [
                {"type": "generated", "by": SOURCE, "at": config.created_at},
                {"type": "simulated", "by": run.simulation_run_id, "at": run.completed_at},
                {"type": "approved", "by": approver, "at": decision.created_at},
                {"type": "activated", "by": SOURCE, "at": activated_at},
            ],
            "delivery": {**policy(config.delivery), "sequence": sequence, "next": _next(following, sequence + 1)},
        },
        "generated_at": activated_at,
        "source": SOURCE,
    }


def _next(following: Sequence[Release], sequence: int) -> Json | None:
    if not following:
        return None
    first, *rest = following
    moment = first.decision.effective_at
    return {
        "effective_at": moment,
        "config_version_id": first.config.config_version_id,
        "document": avs_config(first, activated_at=moment, sequence=sequence, following=rest),
    }


def announcing(served: Json, following: Sequence[Release]) -> Json:
    """The served document with what follows it said anew; the sequence goes on, so that every cache takes it."""
    delivery, sequence = served["governance"]["delivery"], next_sequence(served)
    said = {**delivery, "sequence": sequence, "next": _next(following, sequence + 1)}
    return {**served, "governance": {**served["governance"], "delivery": said}}


def announced(served: Json) -> Json | None:
    """The document that follows the served one at `effective_at`, as its caches hold it already."""
    following = served["governance"]["delivery"]["next"]
    return following and following["document"]


def next_sequence(served: Json | None) -> int:
    """After everything that was served or announced: no two documents of a subject ever share a number."""
    if served is None:
        return 1
    return next_sequence(announced(served)) if announced(served) else served["governance"]["delivery"]["sequence"] + 1


_DOCUMENTS = RuntimeConfig.__table__
_RETIRE = (
    sa.update(_DOCUMENTS)
    .where(_DOCUMENTS.c.current, *(_DOCUMENTS.c[name] == sa.bindparam(f"of_{name}") for name in SUBJECT_FIELDS))
    .values(current=False)
)


def retire(writes: Writes, subject: Mapping[str, str]) -> None:
    """The subject's current document is no longer it. Run this before the next one is written: there is one at most."""
    writes.add(_RETIRE, {f"of_{name}": subject[name] for name in SUBJECT_FIELDS})


def materialise(writes: Writes, document: Json, now: datetime) -> None:
    """The subject's new current document; the one before is retired, and the caller holds the subject's lock."""
    subject, governance = document["subject_resolution"], document["governance"]
    content = canonical_bytes(document)
    row = {
        "decision_id": governance["approval_ref"],
        "sequence": governance["delivery"]["sequence"],
        "config_version_id": document["config_version_id"],
        **subject,
        "current": True,
        "document": content,
        "digest": sha256(content).hexdigest(),
        "created_at": now,
    }
    writes.insert(RuntimeConfig, row)
    note_new_document(writes.session, subject)


_NOTED = "avs_became_active"


def note_new_document(session: AnySession, subject: Mapping[str, str]) -> None:
    """Another document becomes current for the subject if this transaction commits."""
    session.info.setdefault(_NOTED, set()).add(tuple(subject[name] for name in SUBJECT_FIELDS))


def take_new_documents(session: AnySession) -> set[tuple[str, ...]]:
    """What was noted since the last time, as values of SUBJECT_FIELDS; after a rollback too much, never too little."""
    found: set[tuple[str, ...]] = session.info.pop(_NOTED, set())
    return found
