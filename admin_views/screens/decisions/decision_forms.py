"""The forms of decisions: approve, move, withdraw, roll back, each with who decides and why (spec 7, flow 5A)."""

from dataclasses import replace

from flask import session as browser
from flask_admin.form import SecureForm
from wtforms import BooleanField, Field, HiddenField, RadioField, StringField
from wtforms.validators import DataRequired, Length, ValidationError

from admin_views.forms import MAX_NAME_LENGTH, LongTextField, MomentField, TextField, choices_of
from admin_views.screens.screen import OPERATOR
from app import clock
from app.services.decisions import activation, approvals
from rules.enums import TermsStart
from rules.terms_start import SAID, UsualStart
from rules.wording import words
from simulation.canonical import JsonObject

ROLE = "approver_role"
MAX_RATIONALE_LENGTH = 20_000
NOW, LATER = "now", "later"
HOLD, GO = "hold", "go"
TERMS_START = {
    TermsStart.AT_ONCE: "at once, for what customers used in their running period already too",
    TermsStart.NEXT_PERIOD: "from each customer's next period on; the running one ends by the terms before",
    TermsStart.PRORATED: "at once, with the running period's fees, commits, credits and allowances shared out by days",
}
NOBODY = "operator"
"""What the product calls whoever gave no name: it signs nothing."""


def signature() -> JsonObject:
    """The name and the role of whoever decided last in this browser."""
    name = browser.get(OPERATOR)
    return {"approver_name": None if name == NOBODY else name, "approver_role": browser.get(ROLE)}


class DecisionForm(SecureForm):
    """A decision and its reason; `simulation_run_id` and `baseline_config_version_id` carry what the page has shown."""

    simulation_run_id = HiddenField()
    baseline_config_version_id = StringField(
        "Compared with",
        description="The version that is active now. If another one becomes active, you are asked again.",
    )
    approver_name = TextField("Approver name", [DataRequired("Say who approves."), Length(max=MAX_NAME_LENGTH)])
    approver_role = TextField("Approver role", [DataRequired("Say in which role."), Length(max=MAX_NAME_LENGTH)])
    rationale = LongTextField(
        "Rationale",
        [DataRequired("Say why: whoever reads the decision log next asks for it."), Length(max=MAX_RATIONALE_LENGTH)],
        description="What you expect from this, and what would make you take it back.",
    )

    def pin(self, shown: approvals.Shown) -> None:
        """Carry what the page shows, so that a decision about anything else is refused."""
        self.simulation_run_id.data = shown.simulation_run_id or ""
        self.baseline_config_version_id.data = shown.baseline_config_version_id or ""

    def shown(self) -> approvals.Shown:
        """The run and the baseline that the page has shown to the sender of the form."""
        return approvals.Shown(self.simulation_run_id.data or None, self.baseline_config_version_id.data or None)

    def approval(self) -> activation.Approval:
        """The decision of a form that has validated."""
        name, role, rationale = (field.data or "" for field in (self.approver_name, self.approver_role, self.rationale))
        return activation.Approval(name, role, rationale.strip())


class ScheduleForm(DecisionForm):
    """A decision for now or for a later moment; what was chosen and what was typed must agree."""

    when = RadioField(
        "When",
        choices=choices_of({NOW: "Now", LATER: "At a later moment"}),
        default=NOW,
        validate_choice=False,
    )
    effective_at = MomentField("Effective at", description="UTC, for example 2026-05-01 00:00.")
    over_newer = RadioField(
        "If another version has become active by then",
        choices=choices_of({HOLD: "Hold it back and ask again", GO: "Make it active in any case"}),
        default=HOLD,
        validate_choice=False,
    )

    def validate_effective_at(self, field: Field) -> None:
        if field.process_errors:
            return
        if self.when.data == LATER and field.data is None:
            raise ValidationError("Type or pick the moment, or choose Now.")
        if self.when.data == LATER and field.data <= clock.now():
            raise ValidationError("This moment has passed: choose Now, or a later one.")
        if self.when.data == NOW and field.data is not None:
            raise ValidationError("You chose Now: choose a later moment, or leave this empty.")

    def approval(self) -> activation.Approval:
        name, role, rationale = (field.data or "" for field in (self.approver_name, self.approver_role, self.rationale))
        over_newer = self.over_newer.data == GO
        approval = activation.Approval(name, role, rationale.strip(), self.effective_at.data)
        return replace(approval, activate_over_newer=over_newer)


class ApproveForm(ScheduleForm):
    """An approval, for now or for a later moment."""

    terms_start = RadioField(
        "Its terms hold",
        choices=choices_of(TERMS_START),
        default=TermsStart.AT_ONCE.value,
        description="Prices, pools and rails. At once, use made before a price rises is owed at the new price too.",
    )

    def suggest(self, usual: UsualStart) -> None:
        """Choose what the change policy of a price plan says, and say why; what was sent already stays chosen."""
        if usual.change_policy is None:
            return
        whose = "the version in force" if usual.in_force else "this version, the first with a price plan,"
        policy = f"The change policy of {whose} is “{words(usual.change_policy)}”: {SAID[usual.start]} is the usual."
        self.terms_start.description = f"{self.terms_start.description} {policy}"
        if not self.terms_start.raw_data:
            self.terms_start.data = usual.start.value

    def approval(self) -> activation.Approval:
        sent = bool(self.terms_start.raw_data)
        return replace(super().approval(), terms_start=TermsStart(self.terms_start.data) if sent else None)


class MoveForm(ScheduleForm):
    """A move of a decision that waits."""


class WithdrawForm(DecisionForm):
    """A withdrawal of a decision that waits, whose consequence the operator confirms."""

    confirmed = BooleanField(validators=[DataRequired("Confirm what will change.")])


class RollbackForm(DecisionForm):
    """A rollback, whose consequence the operator confirms."""

    confirmed = BooleanField(validators=[DataRequired("Confirm what will change.")])
