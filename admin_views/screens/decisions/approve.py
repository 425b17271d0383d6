"""Flow 5A: can I justify it later. Approve a candidate, see what a decided one gave apps and ledger, roll back."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from flask import Response, request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import BooleanField, HiddenField, RadioField, StringField
from wtforms.validators import DataRequired, Length

from admin_views.base import expose, note
from admin_views.formatters import pretty_json
from admin_views.forms import (
    MAX_NAME_LENGTH,
    LongTextField,
    MomentField,
    TextField,
    at_its_field,
    choices_of,
    refusal_of,
)
from admin_views.screens.promotion import promoted
from admin_views.screens.screen import OPERATOR, Screen, attachment, config_at, go, path, remember
from app import clock
from app.errors import AvsError, NotFound, config_immutable
from app.extensions import usage_events
from app.identity import acting
from app.models.base import db
from app.models.billing_patch import BillingPatch
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.transactions import write
from app.services.billing.ledger_patches import rendered
from app.services.billing.ledgers.registry import LEDGERS
from app.services.billing.ledgers.registry import NAMES as LEDGER_NAMES
from app.services.billing.patches import patch_of
from app.services.configs.lookup import newest_decision
from app.services.decisions import activation, approvals
from app.services.decisions.content import decided_document, diff_of, runtime_of
from app.services.decisions.log import summaries
from app.services.wording.changes import counted_text, names_of
from app.services.wording.tables import tables
from rules.enums import ConfigStatus, TermsStart
from rules.lifecycle import is_editable
from simulation.canonical import Json, JsonObject, canonical_bytes, parse_exact

ROLE = "approver_role"
MAX_RATIONALE_LENGTH = 20_000


TERMS_START = {
    TermsStart.AT_ONCE: "at once, for what customers used in their running period already too",
    TermsStart.NEXT_PERIOD: "from each customer's next period on; the running one ends by the terms before",
}


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
        effective_at = self.effective_at.data if "effective_at" in self else None
        terms_start = self.terms_start.data if "terms_start" in self else None
        name, role, rationale = (field.data or "" for field in (self.approver_name, self.approver_role, self.rationale))
        start = TermsStart(terms_start or TermsStart.AT_ONCE)
        return activation.Approval(name, role, rationale.strip(), effective_at, start)


class ApproveForm(DecisionForm):
    """An approval, for now or for a later moment."""

    effective_at = MomentField("Effective at", description="UTC, for example 2026-05-01 00:00. Leave it empty for now.")
    terms_start = RadioField(
        "Its terms hold",
        choices=choices_of(TERMS_START),
        default=TermsStart.AT_ONCE.value,
        description="Prices, pools and rails. At once, use made before a price rises is owed at the new price too.",
    )


class RollbackForm(DecisionForm):
    """A rollback, whose consequence the operator confirms."""

    confirmed = BooleanField(validators=[DataRequired("Confirm what will change.")])


class Approve(Screen):
    slug = "approve"
    route = "/configs/<config_version_id>/approve"
    title = "Approve"
    step = "Approve"
    operator_decision = "Can you justify this later?"
    needs = "A name, a role and a reason, because the next cycle starts from why this one was decided."
    writes = frozenset({"page", "roll_back"})
    checks_own_token = frozenset({"page", "roll_back"})

    @expose("", methods=("GET", "POST"))
    def page(self, config_version_id: str) -> ResponseReturnValue:
        config = promoted(config_at(config_version_id))
        form = ApproveForm(get_form_data(), data=_signature())
        if not is_editable(config.status):
            if request.method == "GET":
                return self._decided(config)
            immutable = config_immutable(config.display_name, config.status)
            return self._decided(config, refusal=immutable, typed=form.rationale.data)
        if request.method == "GET":
            return self._undecided(config, form)
        refusal = self._approve(config_version_id, form)
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._undecided(_read_again(config_version_id), form, refusal)

    @expose("/rollback", methods=("POST",))
    def roll_back(self, config_version_id: str) -> ResponseReturnValue:
        """Make an archived version active again."""
        form = RollbackForm(get_form_data())
        refusal = self._roll_back(config_version_id, form)
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._decided(_read_again(config_version_id), form=form, refusal=refusal)

    @expose("/runtime-config.json")
    def runtime_config(self, config_version_id: str) -> Response:
        """The bytes that the customer apps of this version read."""
        decision = newest_decision(db.session, config_at(config_version_id).config_version_id)
        runtime = runtime_of(db.session, decision)
        if runtime is None:
            raise NotFound(f"Config {config_version_id} was not activated yet.", code="no_active_config")
        return attachment(runtime.document, f"{config_version_id}.avs_config.json")

    @expose("/billing-patch.json")
    def billing_patch(self, config_version_id: str) -> Response:
        """The newest billing patch of this version as the API gives it, or in the format of the system `?ledger=`."""
        config, ledger = config_at(config_version_id), request.args.get("ledger", "")
        patch = patch_of(db.session, config_version_id, now=clock.now())
        document = patch_document(patch)
        if ledger and ledger not in LEDGER_NAMES:
            raise NotFound(f"There is no ledger {ledger!r}: choose one of {', '.join(LEDGER_NAMES)}.", code="not_found")
        content = canonical_bytes(rendered(db.session, patch, ledger) if ledger else document)
        exported = {"billing_patch_id": document["billing_patch_id"], "ledger": ledger or None}
        self.log("decision_patch_exported", config.workspace_id, config_version_id, **exported)
        return attachment(content, f"{config_version_id}.{ledger or 'billing_patch'}.json")

    def _approve(self, config_version_id: str, form: ApproveForm) -> AvsError | None:
        """Approve the config as the form says; why it was refused, None when it was approved."""
        if not form.validate():
            return refusal_of(form)
        try:
            with write(db.session):
                decision = approvals.approve_as_shown(
                    db.session, config_version_id, form.shown(), form.approval(), **acting()
                )
                scheduled = decision.effective_at > decision.created_at
        except AvsError as error:
            return at_its_field(form, error)
        remember(approver_role=form.approver_role.data)
        note(f"{config_version_id} is {'approved and scheduled' if scheduled else 'active'}.")
        return None

    def _roll_back(self, config_version_id: str, form: RollbackForm) -> AvsError | None:
        """Roll back to the config as the form says; why it was refused, None when it is active again."""
        if not form.validate():
            return refusal_of(form)
        try:
            with write(db.session):
                approvals.roll_back_as_shown(db.session, config_version_id, form.shown(), form.approval(), **acting())
        except AvsError as error:
            return at_its_field(form, error)
        note(f"{config_version_id} is active again.")
        return None

    def _undecided(self, config: ConfigVersion, form: ApproveForm, refusal: AvsError | None = None) -> Response:
        """The page of a candidate. After a refusal it shows and pins the present state, with what was typed."""
        proposal = approvals.proposal(db.session, config, usage_events().store, now=clock.now())
        form.pin(proposal.shown)
        return self.show(
            "approve.html",
            config=config,
            form=form,
            refusal=refusal and _brief(refusal),
            proposal=proposal,
            blocking=(refusal and refusal.findings) or proposal.blocking,
            status=refusal.status if refusal else 200,
        )

    def _decided(
        self,
        config: ConfigVersion,
        form: RollbackForm | None = None,
        refusal: AvsError | None = None,
        typed: str | None = None,
    ) -> Response:
        """The page of a decided config; an archived one can be rolled back to."""
        decision = newest_decision(db.session, config.config_version_id)
        proposal = None
        if config.status == ConfigStatus.ARCHIVED:
            proposal = approvals.proposal(db.session, config, usage_events().store, now=clock.now())
            form = form or RollbackForm(data=_signature())
            form.pin(proposal.shown)
            form.confirmed.label.text = proposal.at_once[0]
        return self.show(
            "approved.html",
            config=config,
            decision=decision,
            summary=summaries(db.session, [decision])[0],
            proposal=proposal,
            form=form,
            refusal=refusal and _brief(refusal),
            typed=typed,
            status=refusal.status if refusal else 200,
            **_delivered(config, decision),
        )


def patch_document(patch: BillingPatch) -> JsonObject:
    """A billing patch as the API gives it (spec 6)."""
    return {
        "billing_patch_id": patch.billing_patch_id,
        "price_book_ref": patch.price_book_ref,
        "effective_at": patch.effective_at,
        "payload": patch.payload,
    }


def _delivered(config: ConfigVersion, decision: DecisionRecord) -> JsonObject:
    """The template's values for what the apps and the ledger get from a decided config."""
    runtime, document = runtime_of(db.session, decision), decided_document(db.session, decision)
    scheduled, patch = config.status == ConfigStatus.APPROVED, patch_document(decision.billing_patch)
    return {
        "diff": diff_of(db.session, decision),
        "runtime": runtime,
        "runtime_text": pretty_json(parse_exact(runtime.document)) if runtime else "",
        "enforced": tables(document, (), names_of(document)),
        "runtime_address": approvals.runtime_address(config.subject_resolution),
        "patch": patch,
        "patch_text": pretty_json(patch),
        "ledgers": LEDGERS,
        "patch_lines": list(_lines(patch["payload"])),
        "held_back": activation.held_back(db.session, config.config_version_id) if scheduled else (),
    }


def _lines(payload: Mapping[str, Json]) -> Iterator[JsonObject]:
    """Meter, product and price of each unit in one row; a payload has its meters and products in one order."""
    prices = {line["meter_id"]: line for card in payload["rate_card_updates"] for line in card["lines"]}
    for meter, product in zip(payload["meters"], payload["products"], strict=True):
        yield {
            "meter_id": meter["meter_id"],
            "label": product["label"],
            "counts": counted_text(meter),
            "price_per_unit_usd": prices[meter["meter_id"]]["price_per_unit_usd"],
        }


def _read_again(config_version_id: str) -> ConfigVersion:
    """The config as it is stored after a refusal, without what the refused transaction has read or changed."""
    db.session.expunge_all()
    return config_at(config_version_id)


def _signature() -> JsonObject:
    """The name and the role of whoever approved last in this browser."""
    return {"approver_name": browser.get(OPERATOR), "approver_role": browser.get(ROLE)}


def _brief(refusal: AvsError) -> AvsError:
    """The refusal without its findings, which the page lists with its gates already."""
    return replace(refusal, findings=())
