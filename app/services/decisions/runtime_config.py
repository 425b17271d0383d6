"""The runtime config: the document that customer apps enforce, built once and served byte for byte (spec 5 and 6).

An activation builds the document (`avs_config`) and stores it as canonical bytes (`materialise`). A version that is
approved for later is announced in the document before it (`governance.delivery.next`), so that every cache switches at
the same instant without a call; when its moment comes, the announced document itself is served.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import AnyDecision
from app.models.runtime_config import RuntimeConfig
from app.models.simulation_run import SimulationRun
from app.models.statements import Writes
from app.services.configs.rows import ConfigRow, RunRow
from rules.delivery import delivered
from rules.enums import ConfigStatus, TermsStart
from simulation.canonical import Json, JsonObject

AVS_VERSION = "v2.0"
SOURCE = "avs_brain_operator_ui"
LONGEST_PERIOD_DAYS = 31
"""A customer's period in apps that count calendar months may have so many days."""
KEPT = ("config_version_id", "value_units", "pools", "exploration", "rails")
"""What a document keeps of the one before it: all that decides about a customer's use."""

_DOCUMENTS = RuntimeConfig.__table__
_RETIRE = (
    sa.update(_DOCUMENTS)
    .where(_DOCUMENTS.c.current, *(_DOCUMENTS.c[name] == sa.bindparam(f"of_{name}") for name in SUBJECT_FIELDS))
    .values(current=False)
)
_NEW_DOCUMENTS = "avs_became_active"
"""Where a session keeps the subjects that got another document in the transaction under way."""


@dataclass(frozen=True)
class Release:
    """A decided config on its way to the apps: its enforced content, its decision and the run behind that."""

    document: Mapping[str, Json]
    config: ConfigVersion | ConfigRow
    decision: AnyDecision
    run: SimulationRun | RunRow


# The document


def avs_config(
    release: Release,
    *,
    activated_at: datetime,
    sequence: int,
    before: JsonObject | None = None,
    following: Sequence[Release] = (),
) -> JsonObject:
    """The `avs_config` shape of spec 5, field for field, and `governance.delivery`.

    `before` is the document that it replaces: a release that does not hold at once for the whole running period keeps
    what of it counts there. `following` are the versions approved for later, earliest first; each is announced in the
    one before it.
    """
    config, decision, run = release.config, release.decision, release.run
    approver = f"{decision.approver_name}, {decision.approver_role}"
    document: JsonObject = {
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
            "delivery": {**delivered(config.delivery), "sequence": sequence, "next": None},
            **running_terms(decision.terms_start, before, activated_at),
        },
        "generated_at": activated_at,
        "source": SOURCE,
    }
    document["governance"]["delivery"]["next"] = _next(following, sequence + 1, document)
    return document


def _next(following: Sequence[Release], sequence: int, before: JsonObject) -> JsonObject | None:
    if not following:
        return None
    first, *rest = following
    moment = first.decision.effective_at
    return {
        "effective_at": moment,
        "config_version_id": first.config.config_version_id,
        "document": avs_config(first, activated_at=moment, sequence=sequence, before=before, following=rest),
    }


def running_terms(terms_start: str, before: JsonObject | None, since: datetime) -> JsonObject:
    """`governance.terms` of a document in whose first period the terms before count, too; nothing where at once.

    `before` is the document that it replaces. Its terms come along, so that an app that never saw it enforces the same.
    """
    if terms_start == TermsStart.AT_ONCE or before is None:
        return {}
    return {"terms": {"start": terms_start, "since": since, "before": _still_needed(_kept(before), since)}}


def _kept(before: JsonObject) -> JsonObject:
    """What decides about use in the document before, and its prices where it has a plan of them."""
    kept = {name: before[name] for name in KEPT}
    if before.get("rating_agility", {}).get("price_plan"):
        kept["rating_agility"] = before["rating_agility"]
    earlier = before["governance"].get("terms")
    return kept | ({"terms": earlier} if earlier else {})


def _still_needed(kept: JsonObject, since: datetime) -> JsonObject:
    """Terms without those before them that no customer's period can go on by: a period began after they had ended."""
    terms = kept.get("terms")
    if terms is None:
        return kept
    if _moment(terms["since"]) + timedelta(days=LONGEST_PERIOD_DAYS) <= since:
        return {name: value for name, value in kept.items() if name != "terms"}
    return {**kept, "terms": {**terms, "before": _still_needed(terms["before"], since)}}


def _moment(value: datetime | str) -> datetime:
    """A moment of a document that was just made, or of one that was read."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def with_following(served: JsonObject, following: Sequence[Release]) -> JsonObject:
    """The served document with its announcement replaced, under the next sequence, so that every cache takes it."""
    governance, sequence = served["governance"], next_sequence(served)
    delivery = {**governance["delivery"], "sequence": sequence, "next": _next(following, sequence + 1, served)}
    return {**served, "governance": {**governance, "delivery": delivery}}


def announced(served: JsonObject) -> JsonObject | None:
    """The document that the served one announces, as caches already hold it; None when nothing follows."""
    following: JsonObject | None = served["governance"]["delivery"]["next"]
    return following["document"] if following else None


def next_sequence(served: JsonObject | None) -> int:
    """The number after every document served or announced: no two documents of a subject ever share one."""
    if served is None:
        return 1
    following = announced(served)
    if following is not None:
        return next_sequence(following)
    sequence: int = served["governance"]["delivery"]["sequence"]
    return sequence + 1


# Storing it


def retire(writes: Writes, subject: Mapping[str, str]) -> None:
    """Mark the subject's current document as superseded.

    Run it before inserting the next: a unique index allows one current document.
    """
    writes.add(_RETIRE, {f"of_{name}": subject[name] for name in SUBJECT_FIELDS})


def materialise(writes: Writes, document: JsonObject, content: bytes, now: datetime) -> None:
    """Insert the document, whose canonical bytes are `content`, as its subject's current one.

    Retire the one before first; hold the subject's lock.
    """
    subject, governance = document["subject_resolution"], document["governance"]
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


def note_new_document(session: AnySession, subject: Mapping[str, str]) -> None:
    """Remember in the session that the subject gets another document when this transaction commits."""
    session.info.setdefault(_NEW_DOCUMENTS, set()).add(tuple(subject[name] for name in SUBJECT_FIELDS))


def take_new_documents(session: AnySession) -> set[tuple[str, ...]]:
    """The subjects noted since the last call, as values of SUBJECT_FIELDS.

    A rollback does not take notes back, so some of them may not have changed.
    """
    subjects: set[tuple[str, ...]] = session.info.pop(_NEW_DOCUMENTS, set())
    return subjects
