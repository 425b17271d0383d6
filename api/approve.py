"""/api/approve and /api/configs/{id}/rollback: the two ways to make a version active (spec 2 and 6)."""

from api.blueprint import operation
from api.resource import Answer, once
from api.schemas.common import Document, Parsed
from api.schemas.decision import ApprovalBody, ApproveBody, Decision
from app.identity import acting
from app.models.base import AnySession
from app.models.decision_record import AnyDecision, DecisionRow
from app.services.decisions import activation
from rules.enums import TermsStart
from simulation.canonical import canonical_bytes

TAG = "Decisions"


def document(row: AnyDecision) -> Document:
    """The decision record as every answer shows it."""
    return Decision().document(row)


def decided(row: DecisionRow) -> Answer:
    headers = {"Location": f"/api/decision-records/{row.decision_id}"}
    return Answer(canonical_bytes(document(row)), 201, headers)


@operation(
    "POST",
    "/approve",
    tag=TAG,
    summary="Approve and activate a candidate",
    body=ApproveBody(),
    answers={201: Decision},
    problems=(404,),
    idempotent=True,
)
def approve(body: Parsed) -> Answer:
    """Evaluates every gate under the subject's lock; 409 with all findings when one refuses.

    At effective_at the candidate becomes active and the prior version is archived; in the past or now means at once.
    """

    def build(session: AnySession) -> Answer:
        return decided(
            activation.approve(
                session,
                body["config_version_id"],
                body["simulation_run_id"],
                _approval(body),
                baseline_config_version_id=body.get("baseline_config_version_id"),
                **acting(),
            )
        )

    return once(build)


@operation(
    "POST",
    "/configs/<config_version_id>/rollback",
    tag=TAG,
    summary="Roll back to an archived version",
    body=ApprovalBody(),
    answers={201: Decision},
    idempotent=True,
)
def roll_back(config_version_id: str, body: Parsed) -> Answer:
    """Makes an archived version active again at once, with a decision of its own."""

    def build(session: AnySession) -> Answer:
        return decided(activation.rollback(session, config_version_id, _approval(body), **acting()))

    return once(build)


def _approval(body: Parsed) -> activation.Approval:
    return activation.Approval(
        body["approver_name"],
        body["approver_role"],
        body["rationale"],
        body.get("effective_at"),
        TermsStart(body.get("terms_start", TermsStart.AT_ONCE)),
    )


OPERATIONS = (approve, roll_back)
