"""Flow 1A: read documents or pasted text, and judge what was found in them and what the apps' evidence suggests."""

from flask import Response, request
from flask import session as browser
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from flask_admin.helpers import get_form_data
from wtforms import MultipleFileField
from wtforms.validators import Length

from admin_views.base import expose, note
from admin_views.forms import SourceTextField
from admin_views.screens.screen import CONTEXT, WORKSPACE, Screen, go, here, remember
from app import clock
from app.errors import AvsError, NotFound
from app.identity import acting
from app.models.base import db
from app.models.cycle import CycleDraftContext
from app.models.transactions import write
from app.models.workspace import Workspace
from app.services.authoring import contexts
from app.services.authoring.context_reading import PASTED, DocumentsBusy, read_documents, require_room
from app.services.authoring.context_texts import cards_again, remove_text
from app.services.authoring.inputs import ContextInput
from app.services.evidence.cards import evidence_cards, with_evidence
from app.sizes import MAX_PASTED_LENGTH
from rules.extraction import ACCEPTED, DISMISSED, EVIDENCE, NEW
from simulation.canonical import JsonObject

NORTH_STAR = "/cycles/new/north-star"
KINDS = ("goal", "metric", "segment", "event", "quality_signal", "price", "cost", "margin", "plan", EVIDENCE)
STATES = (NEW, ACCEPTED, DISMISSED)


class ContextForm(SecureForm):
    """The texts to read."""

    documents = MultipleFileField("Documents", description="txt, md, pdf or docx; several at once are fine.")
    pasted_text = SourceTextField(
        "Or paste text",
        description="A pitch, a pricing page, notes of a meeting.",
        validators=[Length(max=MAX_PASTED_LENGTH, message=f"Paste at most {MAX_PASTED_LENGTH:,} characters.")],
    )


class Context(Screen):
    slug = "context"
    route = "/cycles/new/context"
    title = "Context"
    step = "Cycle"
    operator_decision = "Do you let AVS Brain infer from your documents, or type it in?"
    needs = "Goals, prices and costs in your own words, so that later screens start filled in. Nothing leaves here."
    writes = frozenset({"page", "judge", "remove", "skip"})
    checks_own_token = frozenset({"page"})

    @expose("", methods=("GET", "POST"))
    def page(self) -> ResponseReturnValue:
        if here(Workspace, WORKSPACE) is None:
            note("Name a workspace first: a cycle belongs to one.", "error")
            return go("/setup/workspace")
        context = here(CycleDraftContext, CONTEXT)
        form = ContextForm(get_form_data(), data={"pasted_text": context and context.pasted_text})
        if request.method == "GET":
            return self._page(form, context)
        if not form.validate():
            return self._page(form, context, status=422)
        try:
            context = _read(form, context)
        except AvsError as refusal:
            form.documents.errors = [refusal.detail]
            page = self._page(form, context, status=refusal.status)
            if isinstance(refusal, DocumentsBusy):
                page.headers["Retry-After"] = "5"
            return page
        remember(context_id=context.cycle_draft_context_id)
        self.log("extractions_viewed", context.workspace_id, context.cycle_draft_context_id)
        return go(f"{self.route}#cards")

    @expose("/cards", methods=("POST",))
    def judge(self) -> ResponseReturnValue:
        """Accept or dismiss one card, or accept all that are new; a suggestion joins the context when it is judged."""
        context = here(CycleDraftContext, CONTEXT)
        card_id, state = request.form.get("card_id", ""), request.form.get("state", "")
        cards = _cards(context)
        if not cards:
            return go(self.route)
        if state in STATES:
            saved = _set_state(context, cards, card_id, state)
            remember(context_id=saved.cycle_draft_context_id)
        return go(f"{self.route}#{card_id or 'cards'}")

    @expose("/remove", methods=("POST",))
    def remove(self) -> ResponseReturnValue:
        """Take out a text that its own question has asked about."""
        context, name = here(CycleDraftContext, CONTEXT), request.form.get("name", "")
        if context is None:
            return go(self.route)
        try:
            with write(db.session):
                remove_text(db.session, context.cycle_draft_context_id, name, **acting())
        except NotFound as refusal:
            note(refusal.detail, "error")
        else:
            note(f"{name} was taken out.")
        return go(f"{self.route}#read")

    @expose("/skip", methods=("POST",))
    def skip(self) -> ResponseReturnValue:
        """Go on without a context."""
        context = here(CycleDraftContext, CONTEXT)
        if context is None or not context.skipped:
            saved = _save(None, {"skipped": True})
            remember(context_id=saved.cycle_draft_context_id)
        return go(NORTH_STAR)

    def _page(self, form: ContextForm, context: CycleDraftContext | None, status: int = 200) -> Response:
        cards = sorted(_cards(context), key=lambda card: KINDS.index(card["kind"]))
        return self.show(
            "context.html",
            form=form,
            context=context,
            cards=[card for card in cards if card["kind"] != EVIDENCE],
            learned=[card for card in cards if card["kind"] == EVIDENCE],
            texts=_texts(context),
            asked=request.args.get("remove", ""),
            next_href=NORTH_STAR,
            status=status,
        )


def _texts(context: CycleDraftContext | None) -> dict[str, int]:
    """The texts of the context with their characters, by name, in the order in which they are read."""
    if context is None:
        return {}
    texts = {document["name"]: len(document["text"]) for document in context.documents}
    return texts | ({PASTED: len(context.pasted_text)} if context.pasted_text else {})


def _cards(context: CycleDraftContext | None) -> list[JsonObject]:
    """The cards of the context, and those that the evidence of the workspace's active configs suggests."""
    workspace = here(Workspace, WORKSPACE)
    if workspace is None:
        return []
    suggested = evidence_cards(db.session, workspace.workspace_id, now=clock.now())
    return with_evidence(context.extracted_cards if context else (), suggested)


def _read(form: ContextForm, context: CycleDraftContext | None) -> CycleDraftContext:
    """Add the uploaded documents to the context and read all of its texts again; judged cards stay judged."""
    uploaded = [file for file in form.documents.data or () if getattr(file, "filename", "")]
    upload = read_documents((file.filename, file.read()) for file in uploaded)
    documents = upload.documents
    replaced = {document["name"] for document in documents}
    kept = [item for item in (context.documents if context else ()) if item["name"] not in replaced]
    require_room(kept + documents)
    before = context.extracted_cards if context else []
    workspace_id = context.workspace_id if context else browser[WORKSPACE]
    pasted = form.pasted_text.data
    cards = cards_again(db.session, workspace_id, before, kept + documents, pasted)
    saved = _save(
        context,
        {"documents": kept + documents, "pasted_text": pasted, "extracted_cards": cards, "skipped": False},
    )
    for left_out in upload.notes:
        note(left_out, "error")
    return saved


def _set_state(
    context: CycleDraftContext | None, cards: list[JsonObject], card_id: str, state: str
) -> CycleDraftContext:
    """Set the state of one card or, without an id, of every new card of a text; drop suggestions that are still new."""
    open_ones = {card["card_id"] for card in cards if card["kind"] != EVIDENCE and card["state"] == NEW}
    chosen = {card_id} if card_id else open_ones
    judged = [card | {"state": state} if card["card_id"] in chosen else card for card in cards]
    kept = [card for card in judged if card["kind"] != EVIDENCE or card["state"] != NEW]
    return _save(context, {"extracted_cards": kept, "skipped": False})


def _save(context: CycleDraftContext | None, data: ContextInput) -> CycleDraftContext:
    with write(db.session):
        if context is None:
            workspace_id = browser[WORKSPACE]
            return contexts.create_context(db.session, {**data, "workspace_id": workspace_id}, **acting())
        return contexts.update_context(db.session, context.cycle_draft_context_id, data, **acting())
