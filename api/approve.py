"""/api/approve, and the acts on one config's decision: roll back, reschedule, withdraw (spec 2 and 6)."""

from collections.abc import Callable, Iterable

from api.blueprint import operation
from api.resource import Answer, once
from api.schemas.common import Document, Parsed
from api.schemas.decision import ApprovalBody, ApproveBody, Decided, Decision, RescheduleBody, WaitingDecision
from app.identity import acting
from app.models.base import AnySession
from app.models.decision_record import AnyDecision
from app.services.decisions import activation, rescheduling
from app.services.decisions.schedule import Scheduled, waiting_for
from rules.enums import TermsStart
from simulation.canonical import canonical_bytes

TAG = "Decisions"
ONE = "/configs/<config_version_id>"


def document(row: AnyDecision) -> Document:
    """The decision record as every answer shows it."""
    return Decision().document(row)


def waiting_documents(waiting: Iterable[Scheduled]) -> list[Document]:
    """What waits for a subject, as answers show it."""
    return [
        WaitingDecision().document(
            {
                "decision_id": item.decision.decision_id,
                "config_version_id": item.config_version_id,
                "version": item.version,
                "effective_at": item.moment,
                "replaces": item.replaces_id,
                "held_back_by": [finding.as_dict() for finding in item.held_back_by],
            }
        )
        for item in waiting
    ]


def decided(decide: Callable[[AnySession], AnyDecision], status: int) -> Answer:
    """Take the decision once per Idempotency-Key, and answer with its record and what else waits for its subject."""

    def build(session: AnySession) -> Answer:
        row = decide(session)
        others = [
            item
            for item in waiting_for(session, row.subject_resolution)
            if item.decision.decision_id != row.decision_id
        ]
        content = canonical_bytes(document(row) | {"scheduled": waiting_documents(others)})
        return Answer(content, status, {"Location": f"/api/decision-records/{row.decision_id}"})

    return once(build)


@operation(
    "POST",
    "/approve",
    tag=TAG,
    summary="Approve and activate a candidate",
    body=ApproveBody(),
    answers={201: Decided},
    problems=(404,),
    idempotent=True,
)
def approve(body: Parsed) -> Answer:
    """Evaluates every gate under the subject's lock; 409 with all findings when one refuses.

    At effective_at the candidate becomes active and the prior version is archived. In the past or now means at once,
    and the record says the moment of the decision: nothing holds from earlier than it was decided. When another version
    than the baseline is active at effective_at, the decision is held back, unless activate_over_newer was true.
    `scheduled` names every other decision that waits for the subject.
    """
    return decided(
        lambda session: activation.approve(
            session,
            body["config_version_id"],
            body["simulation_run_id"],
            _approval(body),
            baseline_config_version_id=body.get("baseline_config_version_id"),
            **acting(),
        ),
        201,
    )


@operation(
    "POST",
    f"{ONE}/rollback",
    tag=TAG,
    summary="Roll back to an archived version",
    body=ApprovalBody(),
    answers={201: Decided},
    idempotent=True,
)
def roll_back(config_version_id: str, body: Parsed) -> Answer:
    """Makes an archived version active again at once, with a decision of its own."""
    return decided(
        lambda session: activation.rollback(session, config_version_id, _approval(body), **acting()),
        201,
    )


@operation(
    "POST",
    f"{ONE}/reschedule",
    tag=TAG,
    summary="Move a decision to another moment",
    body=RescheduleBody(),
    answers={200: Decided},
    idempotent=True,
)
def reschedule(config_version_id: str, body: Parsed) -> Answer:
    """Moves a decision that is scheduled or held back; a moment in the past or now makes it active at once.

    Every gate is asked again. The record gets the diff to what it replaces at the new moment, and its billing patch;
    its history keeps those that were approved. 409 `not_scheduled` when the version does not wait.
    """
    return decided(
        lambda session: rescheduling.reschedule(
            session,
            config_version_id,
            _approval(body),
            baseline_config_version_id=body.get("baseline_config_version_id"),
            **acting(),
        ),
        200,
    )


@operation(
    "POST",
    f"{ONE}/withdraw",
    tag=TAG,
    summary="Withdraw a decision that has not taken effect",
    body=ApprovalBody(),
    answers={200: Decided},
    idempotent=True,
)
def withdraw(config_version_id: str, body: Parsed) -> Answer:
    """Takes back a decision that is scheduled or held back: its version is a draft again and can be edited.

    The record stays in the log as withdrawn, with who withdrew it and why. 409 `not_scheduled` when the version does
    not wait: roll back to another one instead.
    """
    return decided(
        lambda session: rescheduling.withdraw(session, config_version_id, _approval(body), **acting()),
        200,
    )


def _approval(body: Parsed) -> activation.Approval:
    return activation.Approval(
        body["approver_name"],
        body["approver_role"],
        body["rationale"],
        body.get("effective_at"),
        TermsStart(body["terms_start"]) if "terms_start" in body else None,
        body.get("activate_over_newer", False),
    )


OPERATIONS = (approve, roll_back, reschedule, withdraw)
