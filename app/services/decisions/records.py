"""Write decision records: the record of an approval or a rollback, and the history of what became of it (spec 1 and 2).

A record keeps who decided what, when and why. Acts before it takes effect are entries of its `history`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from app.actor import Actor
from app.errors import FieldError, invalid
from app.ids import new_id
from app.models.decision_record import AnyDecision, DecisionRecord, DecisionRow
from app.models.statements import Writes
from app.services.billing.patches import build, store
from app.services.configs.diffs import diff
from app.services.configs.reading import ConfigReading
from app.services.product_events import append
from rules.enums import DecisionStatus, DiffType, TermsStart
from rules.labels import label_text
from rules.texts import problem_of
from simulation.canonical import JsonObject, canonical_bytes, parse_exact

Done = dict[str, JsonObject]
"""Product event → its detail: what an act did, to be logged in one statement."""

Value = TypeVar("Value")


@dataclass(frozen=True)
class Approval:
    """The approver, their reasons, and from when the decision takes effect.

    An `effective_at` of None, or one that has come already, means at once. `terms_start` says whether it then holds for
    the whole running period of customers, shared out by days or from their next one; None is what the change policies
    of price plans say. `activate_over_newer` lets a decision for
    later take effect although another version than its baseline is active by then.
    """

    approver_name: str
    approver_role: str
    rationale: str
    effective_at: datetime | None = None
    terms_start: TermsStart | None = None
    activate_over_newer: bool = False

    def __post_init__(self) -> None:
        """Refuse a name, a role or reasons that cannot be read: Invalid (422) names each (`rules.texts`)."""
        problems = {
            "approver_name": problem_of(self.approver_name),
            "approver_role": problem_of(self.approver_role),
            "rationale": problem_of(self.rationale, lines=True),
        }
        errors = [FieldError(f"/{name}", f"The {label_text(name)} {text}") for name, text in problems.items() if text]
        if errors:
            raise invalid(*errors)

    def moment(self, now: datetime) -> datetime:
        """The moment from which the decision holds: what is decided now never holds from earlier than now."""
        return now if self.effective_at is None else max(self.effective_at, now)


class Replaced(Protocol):
    """A version that a decision replaces: the served one, or one that waits to be."""

    @property
    def config_version_id(self) -> str: ...
    @property
    def decided(self) -> JsonObject: ...


class Terms(NamedTuple):
    """The parts of a record that follow from what it replaces and when."""

    baseline_config_version_id: str | None
    diff: JsonObject
    billing_patch_id: str
    effective_at: datetime


def terms(
    writes: Writes, reading: ConfigReading, kind: DiffType, replaced: Replaced | None, approval: Approval, now: datetime
) -> Terms:
    """The terms of a decision for the config; its billing patch is added to the writes."""
    moment, terms_start = approval.moment(now), _start(approval)
    patch = build(reading.config, reading.document, effective_at=moment, now=now, terms_start=terms_start)
    store(writes, patch)
    return Terms(
        baseline_config_version_id=replaced.config_version_id if replaced else None,
        diff=diff_against(reading, kind, replaced),
        billing_patch_id=patch.billing_patch_id,
        effective_at=moment,
    )


def _start(approval: Approval) -> str:
    """When the terms start; an approval that leaves it open was given the usual one before it is written."""
    return (approval.terms_start or TermsStart.AT_ONCE).value


def diff_against(reading: ConfigReading, kind: DiffType, replaced: Replaced | None) -> JsonObject:
    """The diff from what is replaced to the config."""
    baseline_id = replaced.config_version_id if replaced else None
    return diff(kind, baseline_id, replaced.decided if replaced else None, reading.decided)


def kind_of_change(replaced: Replaced | None) -> DiffType:
    """The type of the diff of a decision that is no rollback."""
    return DiffType.UPDATE if replaced else DiffType.INITIAL_ACTIVATION


def record(
    writes: Writes,
    reading: ConfigReading,
    agreed: Terms,
    approval: Approval,
    now: datetime,
    decision_id: str | None,
) -> DecisionRow:
    """Write the record of a decision on these terms."""
    config = reading.config
    decision = DecisionRow(
        decision_id=decision_id or new_id("dec_"),
        cycle_id=config.cycle_id,
        workspace_id=config.workspace_id,
        segment=config.segment,
        stage=config.stage,
        target_environment=config.target_environment,
        config_version_id=config.config_version_id,
        **agreed._asdict(),
        simulation_run_id=passed(reading.run).simulation_run_id,
        status=DecisionStatus.ACTIVE.value,
        approver_name=approval.approver_name,
        approver_role=approval.approver_role,
        rationale=approval.rationale,
        value_unit_snapshot_version=passed(config.value_unit_snapshot_version),
        created_at=now,
        terms_start=_start(approval),
        activate_over_newer=approval.activate_over_newer and agreed.effective_at > now,
        withdrawn_at=None,
        history=[],
    )
    writes.insert(DecisionRecord, decision._asdict())
    return decision


def entry(kind: str, now: datetime, by: Approval | Actor, **detail: object) -> JsonObject:
    """An entry of a record's history as JSON gives it back: its type, when, by whom and why, and what it changed."""
    who = (by.name, by.role, None) if isinstance(by, Actor) else (by.approver_name, by.approver_role, by.rationale)
    name, role, rationale = who
    plain = {"type": kind, "at": now, "by": {"name": name, "role": role}, "rationale": rationale, **detail}
    return dict(parse_exact(canonical_bytes(plain)))


def amend(writes: Writes, decision: AnyDecision, entries: Sequence[JsonObject], **columns: object) -> None:
    """Add entries to the record's history, and change the columns that follow from them."""
    history = [*decision.history, *entries]
    writes.update(DecisionRecord, decision.decision_id, history=history, **columns)


def passed(value: Value | None) -> Value:
    """A part of a config that passed the gates, none of which lets it pass without this part."""
    if value is None:
        raise ValueError("A gate let a config pass without a run or a snapshot of value units.")
    return value


def log_acts(writes: Writes, done: Done, decision: AnyDecision, actor: Actor, now: datetime) -> None:
    """Add a product event for everything that an act did to a decision."""
    append(
        writes,
        {name: {"decision_id": decision.decision_id} | detail for name, detail in done.items()},
        actor=actor,
        now=now,
        workspace_id=decision.workspace_id,
        entity_id=decision.config_version_id,
    )
