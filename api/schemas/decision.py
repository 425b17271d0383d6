"""Decisions as the API takes and gives them (spec 1 and 6)."""

from marshmallow import fields

from api.schemas.common import Answered, Body, Computed, Identifier, Moment, choice, text
from rules.enums import DecisionStatus, TermsStart


class ApprovalBody(Body):
    """Who takes the decision, and why."""

    approver_name = text(required=True)
    approver_role = text(required=True)
    rationale = text(20_000, required=True)


class ApproveBody(ApprovalBody):
    """A decision for a candidate. The baseline must be the subject's active version; null means that one.

    `terms_start` next_period lets each customer finish the period that they are in by the terms before it; left out,
    the new terms hold at once and for what was used in that period already.
    """

    config_version_id = Identifier(required=True)
    simulation_run_id = Identifier(required=True)
    baseline_config_version_id = Identifier(allow_none=True)
    effective_at = Moment(required=True)
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
    subject_resolution = Computed({"type": "object"})
    status = choice(DecisionStatus)
    approver_name = fields.String()
    approver_role = fields.String()
    rationale = fields.String()
    diff = Computed({"type": "object"})
    value_unit_snapshot_version = fields.Integer()
    effective_at = Moment()
    terms_start = choice(TermsStart)
    created_at = Moment()
