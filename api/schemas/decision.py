"""Decisions as the API takes and gives them (spec 1 and 6)."""

from marshmallow import fields

from api.schemas.common import Answered, Body, Identifier, Moment, Shaped, choice, long_text, text
from api.schemas.problems import FindingAnswer
from api.shapes.decided import DecisionDiff, HistoryEntry, SubjectResolution
from rules.enums import DecisionStatus, TermsStart


class ApprovalBody(Body):
    """Who takes the decision, and why."""

    approver_name = text(required=True)
    approver_role = text(required=True)
    rationale = long_text(minimum=1, required=True)


OVER_NEWER = fields.Boolean(
    truthy={True},
    falsy={False},
    load_default=False,
    metadata={
        "description": "Take effect at effective_at although another version than the baseline is active by then. "
        "Otherwise the decision is held back."
    },
)


class RescheduleBody(ApprovalBody):
    """A move of a decision to another moment. The baseline must be the subject's active version, or null."""

    baseline_config_version_id = Identifier(allow_none=True)
    effective_at = Moment(
        required=True,
        metadata={
            "description": "From when it holds. In the past means now; the record says the moment of the decision."
        },
    )
    activate_over_newer = OVER_NEWER


class ApproveBody(RescheduleBody):
    """A decision for a candidate. The baseline must be the subject's active version; null means that one.

    `terms_start` next_period lets each customer finish the period that they are in by the terms before it. at_once
    holds for what was used in that period already. prorated holds at once too, with the fees, commits, credits and
    allowances of that period shared out by its days. Left out, it is what the change_policy of the price plan in force
    says (of the candidate's own plan, where no plan is in force): at_next_period is next_period, prorate is prorated.
    Without any plan it is at_once.
    """

    config_version_id = Identifier(required=True)
    simulation_run_id = Identifier(required=True)
    terms_start = choice(TermsStart)


class Decision(Answered):
    """A DecisionRecord (spec 1)."""

    decision_id = fields.String()
    workspace_id = fields.String()
    cycle_id = fields.String()
    config_version_id = fields.String()
    baseline_config_version_id = fields.String(allow_none=True)
    simulation_run_id = fields.String()
    billing_patch_id = fields.String()
    subject_resolution = Shaped(SubjectResolution)
    status = choice(DecisionStatus)
    approver_name = fields.String()
    approver_role = fields.String()
    rationale = fields.String()
    diff = Shaped(DecisionDiff)
    value_unit_snapshot_version = fields.Integer()
    effective_at = Moment()
    terms_start = choice(TermsStart)
    created_at = Moment()
    activate_over_newer = fields.Boolean()
    withdrawn_at = Moment(
        allow_none=True, metadata={"description": "When it was taken back before it took effect, else null."}
    )
    history = Shaped(
        list[HistoryEntry], metadata={"description": "What became of it after the approval, oldest first."}
    )


class WaitingDecision(Answered):
    """A decision of the subject that has not taken effect: scheduled for its moment, or held back when it came."""

    decision_id = fields.String()
    config_version_id = fields.String()
    version = fields.Integer(metadata={"description": "The version's number within its subject."})
    effective_at = Moment(allow_none=True, metadata={"description": "When it takes over; null once it was held back."})
    replaces = fields.String(
        allow_none=True, metadata={"description": "The version that will be active then, as it looks now."}
    )
    held_back_by = fields.List(
        fields.Nested(FindingAnswer), metadata={"description": "What the gates would say then, as it looks now."}
    )


class Decided(Decision):
    """A decision as it was just taken, moved or withdrawn, and what else waits for its subject."""

    scheduled = fields.List(fields.Nested(WaitingDecision))
