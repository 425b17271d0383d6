"""Flow 5A: can I justify it later. Approve a candidate, see what a decided one gave apps and ledger, roll back."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from flask import Response, request
from flask.typing import ResponseReturnValue
from flask_admin.helpers import get_form_data

from admin_views.base import expose, note
from admin_views.formatters import pretty_json
from admin_views.forms import at_its_field, refusal_of
from admin_views.screens.decisions.decision_forms import (
    ApproveForm,
    DecisionForm,
    MoveForm,
    RollbackForm,
    WithdrawForm,
    signature,
)
from admin_views.screens.names import called
from admin_views.screens.promotion import promoted
from admin_views.screens.screen import Screen, attachment, config_at, go, path, remember
from app import clock
from app.errors import AvsError, NotFound, config_immutable
from app.extensions import usage_events
from app.identity import acting
from app.models.base import db
from app.models.billing_patch import BillingPatch
from app.models.config_version import ConfigVersion
from app.models.decision_record import AnyDecision, DecisionRecord
from app.models.transactions import write
from app.services.billing.ledger_patches import rendered
from app.services.billing.ledgers.registry import LEDGERS
from app.services.billing.ledgers.registry import NAMES as LEDGER_NAMES
from app.services.billing.patches import patch_of
from app.services.configs.lookup import newest_decision
from app.services.configs.terms_start import plan_of
from app.services.decisions import approvals, rescheduling
from app.services.decisions.content import decided_document, diff_of, runtime_of
from app.services.decisions.log import standing, summaries
from app.services.decisions.schedule import Scheduled
from app.services.decisions.timeline import Timeline, back_to, timeline
from app.services.product_events import log_event
from app.services.wording.changes import counted_text, names_of
from app.services.wording.price_plans import Sold, plan_sentences, price_words
from app.services.wording.tables import tables
from rules.enums import ConfigStatus
from rules.lifecycle import is_editable
from simulation.canonical import Json, JsonObject, canonical_bytes, parse_exact

MOVE, WITHDRAW = "move", "withdraw"
ENFORCING = """\
from avs_brain_client import Client

client = Client(
    "{server}",
    workspace_id="{workspace_id}",
    segment="{segment}",
    stage="{stage}",
    target_environment="{target_environment}",
    directory="avs-data",
).start()
client.wait_until_loaded(10)
client.check(customer_id, value_unit_id)  # before the use: may it go on?
client.record(customer_id, value_unit_id, quantity, event_id=event_id)  # after it
"""
"""The lines with which a customer app enforces a subject's config."""


class Approve(Screen):
    slug = "approve"
    route = "/configs/<config_version_id>/approve"
    title = "Approve"
    step = "Approve"
    operator_decision = "Can you justify this later?"
    needs = "A name, a role and a reason, because the next cycle starts from why this one was decided."
    writes = frozenset({"page", "roll_back", "move", "withdraw"})
    checks_own_token = frozenset({"page", "roll_back", "move", "withdraw"})

    @expose("", methods=("GET", "POST"))
    def page(self, config_version_id: str) -> ResponseReturnValue:
        config = promoted(config_at(config_version_id))
        form = ApproveForm(get_form_data(), data=signature())
        if not (is_editable(config.status) or _approves_anew(config)):
            if request.method == "GET":
                return self._decided(config)
            immutable = config_immutable(config.display_name, config.status)
            return self._decided(config, refusal=immutable, typed=form.rationale.data)
        if request.method == "GET":
            return self._undecided(config, form)
        refusal = _act(form, lambda: _approve(config_version_id, form))
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._undecided(_read_again(config_version_id), form, refusal)

    @expose("/rollback", methods=("POST",))
    def roll_back(self, config_version_id: str) -> ResponseReturnValue:
        """Make an archived version active again."""
        form = RollbackForm(get_form_data())
        refusal = _act(form, lambda: _roll_back(config_version_id, form))
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._decided(_read_again(config_version_id), form, refusal)

    @expose("/move", methods=("POST",))
    def move(self, config_version_id: str) -> ResponseReturnValue:
        """Move a decision that is scheduled or held back to another moment."""
        form = MoveForm(get_form_data(), prefix=f"{MOVE}-")
        refusal = _act(form, lambda: _move(config_version_id, form))
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._decided(promoted(_read_again(config_version_id)), form, refusal)

    @expose("/withdraw", methods=("POST",))
    def withdraw(self, config_version_id: str) -> ResponseReturnValue:
        """Take back a decision that is scheduled or held back; go on with its version, which is a draft again."""
        form = WithdrawForm(get_form_data(), prefix=f"{WITHDRAW}-")
        refusal = _act(form, lambda: _withdraw(config_version_id, form))
        if refusal is None:
            return go(path("configs", config_version_id, "approve"))
        return self._decided(promoted(_read_again(config_version_id)), form, refusal)

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
        with write(db.session):
            log_event(
                db.session,
                "decision_patch_exported",
                workspace_id=config.workspace_id,
                entity_id=config_version_id,
                **exported,
                **acting(),
            )
        return attachment(content, f"{config_version_id}.{ledger or 'billing_patch'}.json")

    def _undecided(self, config: ConfigVersion, form: ApproveForm, refusal: AvsError | None = None) -> Response:
        """The page of a candidate. After a refusal it shows and pins the present state, with what was typed."""
        anew = not is_editable(config.status)
        proposal = approvals.proposal(db.session, config, usage_events().store, now=clock.now(), anew=anew)
        form.pin(proposal.shown)
        form.suggest(proposal.usual_start)
        return self.show(
            "approve.html",
            config=config,
            form=form,
            refusal=refusal and _brief(refusal),
            proposal=proposal,
            anew=anew,
            blocking=(refusal and refusal.findings) or proposal.blocking,
            status=refusal.status if refusal else 200,
        )

    def _decided(
        self,
        config: ConfigVersion,
        sent: DecisionForm | None = None,
        refusal: AvsError | None = None,
        typed: str | None = None,
    ) -> Response:
        """The page of a decided config: one that waits can be moved or withdrawn, an archived one rolled back to.

        A config that became a draft meanwhile has the page of a candidate. `sent` is the form that was refused.
        """
        if is_editable(config.status):
            return self._undecided(config, ApproveForm(data=signature()), refusal)
        decision = newest_decision(db.session, config.config_version_id)
        proposal = _proposal(config) if config.status != ConfigStatus.ACTIVE else None
        stretches = timeline(db.session, config.subject_resolution)
        return self.show(
            "approved.html",
            config=config,
            decision=decision,
            summary=summaries(db.session, [decision])[0],
            proposal=proposal,
            timeline=stretches,
            waiting=_waiting(stretches, config),
            active_id=proposal.shown.baseline_config_version_id if proposal else config.config_version_id,
            back_to=back_to(stretches),
            form=sent,
            form_at=_place_of(sent),
            refusal=refusal and _brief(refusal),
            typed=typed,
            status=refusal.status if refusal else 200,
            **_forms(proposal, sent),
            **_delivered(config, decision),
        )


def _proposal(config: ConfigVersion) -> approvals.Proposal:
    return approvals.proposal(db.session, config, usage_events().store, now=clock.now())


def _approves_anew(config: ConfigVersion) -> bool:
    """Whether the page is asked to approve a version anew that was held back."""
    return standing(config) == "held_back" and "anew" in request.args


def _act(form: DecisionForm, act: Callable[[], str]) -> AvsError | None:
    """Do as the form says, in one transaction, and say so; why it was refused, None when it was done."""
    if not form.validate():
        return refusal_of(form)
    try:
        with write(db.session):
            done = act()
    except AvsError as error:
        return at_its_field(form, error)
    remember(operator_name=form.approver_name.data, approver_role=form.approver_role.data)
    note(done)
    return None


def _approve(config_version_id: str, form: ApproveForm) -> str:
    decision = approvals.approve_as_shown(db.session, config_version_id, form.shown(), form.approval(), **acting())
    return f"{called(config_version_id)} is {'approved and scheduled' if _is_ahead(decision) else 'active'}."


def _roll_back(config_version_id: str, form: RollbackForm) -> str:
    approvals.roll_back_as_shown(db.session, config_version_id, form.shown(), form.approval(), **acting())
    return f"{called(config_version_id)} is active again."


def _move(config_version_id: str, form: MoveForm) -> str:
    decision = approvals.move_as_shown(db.session, config_version_id, form.shown(), form.approval(), **acting())
    return f"{called(config_version_id)} is {'moved' if _is_ahead(decision) else 'active'}."


def _withdraw(config_version_id: str, form: WithdrawForm) -> str:
    rescheduling.withdraw(db.session, config_version_id, form.approval(), **acting())
    return f"{called(config_version_id)} is withdrawn: it is a draft again."


def _is_ahead(decision: AnyDecision) -> bool:
    return decision.effective_at > clock.now()


def _forms(proposal: approvals.Proposal | None, sent: DecisionForm | None) -> dict[str, DecisionForm]:
    """The forms of a decided page with what it shows pinned; the one that was refused keeps what was typed."""
    if proposal is None:
        return {}
    forms = {
        "rollback": sent if isinstance(sent, RollbackForm) else RollbackForm(data=signature()),
        "move": sent if isinstance(sent, MoveForm) else MoveForm(data=signature(), prefix=f"{MOVE}-"),
        "take_back": sent if isinstance(sent, WithdrawForm) else WithdrawForm(data=signature(), prefix=f"{WITHDRAW}-"),
    }
    for form in forms.values():
        form.pin(proposal.shown)
    _confirm(forms["rollback"], proposal.at_once[0])
    _confirm(forms["take_back"], "This version does not take effect.")
    return forms


def _confirm(form: DecisionForm, consequence: str) -> None:
    form["confirmed"].label.text = consequence


def _place_of(sent: DecisionForm | None) -> str | None:
    """The part of the page whose form was refused."""
    places = {MoveForm: MOVE, WithdrawForm: WITHDRAW}
    return places.get(type(sent)) if sent else None


def _waiting(stretches: Timeline, config: ConfigVersion) -> Scheduled | None:
    """The config as it waits, None when it does not."""
    return next((item for item in stretches.waiting if item.config_version_id == config.config_version_id), None)


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
    patch = patch_document(decision.billing_patch)
    address = approvals.runtime_address(config.subject_resolution)
    return {
        "diff": diff_of(db.session, decision),
        "runtime": runtime,
        "runtime_text": pretty_json(parse_exact(runtime.document)) if runtime else "",
        "enforced": tables(document, (), names_of(document)),
        "runtime_address": address,
        "runtime_url": f"{request.host_url.rstrip('/')}{address}",
        "curl": f"curl '{request.host_url.rstrip('/')}{address}'",
        "enforcing": ENFORCING.format(server=request.host_url.rstrip("/"), **config.subject_resolution),
        "patch": patch,
        "patch_text": pretty_json(patch),
        "ledgers": LEDGERS,
        "patch_lines": list(_lines(patch["payload"])),
        "plan_sentences": _plan_sentences(document),
    }


def _plan_sentences(document: Mapping[str, Json]) -> tuple[str, ...]:
    """What the price plan of a decided document says, line by line; nothing without one."""
    plan, units = plan_of(document), document["value_units"]
    sold = Sold({unit["value_unit_id"]: unit for unit in units}, document["pools"], {})
    return plan_sentences(plan, sold) if plan else ()


def _lines(payload: Mapping[str, Json]) -> Iterator[JsonObject]:
    """Meter, product and price of each unit in one row; a payload has its meters and products in one order."""
    prices = {line["meter_id"]: line for card in payload["rate_card_updates"] for line in card["lines"]}
    for meter, product in zip(payload["meters"], payload["products"], strict=True):
        yield {
            "meter_id": meter["meter_id"],
            "label": product["label"],
            "counts": counted_text(meter),
            "price_per_unit_usd": prices[meter["meter_id"]]["price_per_unit_usd"],
            "plan_price": price_words(line) if (line := prices[meter["meter_id"]]).get("model") else None,
        }


def _read_again(config_version_id: str) -> ConfigVersion:
    """The config as it is stored after a refusal, without what the refused transaction has read or changed."""
    db.session.expunge_all()
    return config_at(config_version_id)


def _brief(refusal: AvsError) -> AvsError:
    """The refusal without its findings, which the page lists with its gates already."""
    return replace(refusal, findings=())
