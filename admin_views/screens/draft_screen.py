"""Screens that edit a draft as one form: saved whole, in the background too, and never over somebody else's change.

The form carries `row_version`, a digest of what was shown. Whoever saves after another operator is shown both versions
with all that was typed still in the form; saving again keeps it, opening the page again takes the other one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, get_template_attribute, jsonify, make_response, request
from flask_admin import expose

from admin_views.base import note
from admin_views.forms import at_its_field, refusal_of
from admin_views.screens.screen import Screen, go, is_autosave
from app import clock
from app.errors import AvsError, PreconditionFailed
from app.models.base import db
from app.models.transactions import write
from app.services.configs.diffs import same
from simulation.canonical import content_hash

Json = Any
Document = Json  # a screen says the shape of its own
SAVE = "save"
OVERTAKEN = (
    "{} was changed by another operator since you opened it. Nothing was saved, and what you typed is still here. "
    "Choose which version stays."
)


@dataclass(frozen=True)
class Difference:
    """A field in which what is stored now and what was typed differ; None where it is not there.

    `take` is the action that gives up what was typed in this field alone, empty where there is none.
    """

    about: str
    label: str
    stored: str | None
    typed: str | None
    take: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a save. `differences` are there when another operator was faster."""

    record: Any
    refusal: AvsError | None = None
    differences: Sequence[Difference] = ()
    changed: bool = False


class DraftScreen(Screen):
    """One record, one form. A subclass says how the record is found, shown, read back and stored.

    The record may be one that is still to be made: then `store` makes it.

    A document is what the form says of the record, as canonical JSON can hold it; two equal ones are the same version.
    """

    template: str
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    def find(self, **where: str) -> Any:
        """The record in the address; NotFound that names it."""
        raise NotImplementedError

    def hold(self, record: Any) -> Any:
        """The record once nobody else can change it, inside the writing transaction; AvsError when it is frozen."""
        raise NotImplementedError

    def form_of(self, record: Any) -> Any:
        """A `VersionedForm` of the record, with what the request typed."""
        raise NotImplementedError

    def document(self, record: Any) -> Document:
        """What is stored."""
        raise NotImplementedError

    def typed(self, form: Any, record: Any) -> Document:
        """What was typed, in the same shape; where it means the same as what is stored, it is what is stored."""
        raise NotImplementedError

    def store(self, record: Any, document: Document) -> Any:
        """Write the document through the service that the API calls too; inside the writing transaction.

        Returns the record if it was made only now, else None.
        """
        raise NotImplementedError

    def address(self, record: Any) -> str:
        """Where the record is edited."""
        return request.full_path.removesuffix("?")

    def compared(self, record: Any, stored: Document, typed: Document) -> Iterable[Difference]:
        """Both versions, field by field, as text."""
        raise NotImplementedError

    def named(self, record: Any) -> str:
        """The record as messages name it."""
        raise NotImplementedError

    def onward(self, record: Any) -> str:
        """Where the next decision is taken."""
        raise NotImplementedError

    def about(self, record: Any) -> dict[str, Any]:
        """`cycle=` or `config=`, for the frame."""
        raise NotImplementedError

    def act(self, form: Any, action: str, record: Any) -> None:
        """Do what a button says that changes what is typed and saves nothing."""

    def fields(self, form: Any) -> Iterable[Any]:
        """Every control that may have errors: `name`, `id`, `label`, `errors`, `type`."""
        return list(form)

    def values(self, form: Any) -> dict[str, str]:
        """control name → what a save has put there: the page's script writes it into the form."""
        return {"csrf_token": form.csrf_token.current_token}

    def parts(self, form: Any, record: Any) -> dict[str, str]:
        """id → HTML of what the page says about the values as they are typed."""
        return {}

    def context(self, form: Any, record: Any) -> dict[str, Any]:
        """What the template wants besides the form."""
        return {}

    def place(self, form: Any, error: AvsError) -> AvsError:
        """The refusal, with each of its field errors put beside its field."""
        return at_its_field(form, error)

    @expose("", methods=("GET", "POST"))
    def page(self, **where: str) -> Any:
        return self.edit(**where)

    def edit(self, **where: str) -> Any:
        """Answer one request about the record in the address: show, save, save behind, preview, or do a button."""
        record = self.find(**where)
        form = self.form_of(record)
        if request.method == "GET":
            form.row_version.data = self.version(record)
            return self.draw(form, Outcome(record))
        if "X-Preview" in request.headers:
            return jsonify(parts=self.parts(form, record))
        action = request.form.get("do", "")
        if action not in ("", SAVE):
            return self._acted(form, record, action)
        outcome = self.save(form, record)
        if is_autosave():
            return self._told(form, outcome)
        if outcome.refusal is not None:
            return self.draw(form, outcome)
        if action == SAVE:
            note(f"{self.named(outcome.record)} was saved." if outcome.changed else "Nothing had changed.")
            return go(self.address(outcome.record))
        return go(self.onward(outcome.record))

    def version(self, record: Any) -> str:
        return content_hash(self.document(record))

    def draw(self, form: Any, outcome: Outcome, *, unsaved: bool = False) -> Response:
        """The page; `unsaved` when what it shows is not what is stored, so that the script saves it."""
        return self.show(
            self.template,
            status=outcome.refusal.status if outcome.refusal else 200,
            form=form,
            fields=self.fields(form),
            refusal=outcome.refusal,
            differences=outcome.differences,
            unsaved=unsaved or outcome.refusal is not None,
            **self.about(outcome.record),
            **self.context(form, outcome.record),
        )

    def save(self, form: Any, record: Any) -> Outcome:
        """One transaction: look again, compare with what was shown, store. An unchanged form writes nothing."""
        if not form.validate():
            return Outcome(record, refusal_of(form))
        try:
            with write(db.session):
                held = self.hold(record)
                stored = self.document(held)
                typed = self.typed(form, held)
                changed = not same(stored, typed)
                if changed and form.row_version.data != content_hash(stored):
                    raise PreconditionFailed(OVERTAKEN.format(self.named(held)), code="changed_meanwhile")
                if changed:
                    held = self.store(held, typed) or held
        except AvsError as error:
            return self._refused(form, error)
        form.row_version.data = self.version(held)
        return Outcome(held, changed=changed)

    def _refused(self, form: Any, error: AvsError) -> Outcome:
        """The record is read anew: what was read under the lock is not whole without it."""
        db.session.expunge_all()
        record = self.find(**(request.view_args or {}))
        if isinstance(error, PreconditionFailed):
            return self._overtaken(form, record, error)
        return Outcome(record, self.place(form, error))

    def _overtaken(self, form: Any, record: Any, error: AvsError) -> Outcome:
        """Both versions; from here on the form is based on what is stored now, so saving again keeps what was typed.

        A background save decides nothing: its form stays based on what its operator saw.
        """
        stored = self.document(record)
        if not is_autosave():
            form.row_version.data = content_hash(stored)
        return Outcome(record, error, list(self.compared(record, stored, self.typed(form, record))))

    def _acted(self, form: Any, record: Any, action: str) -> Response:
        self.act(form, action, record)
        differences: Sequence[Difference] = ()
        if "comparing" in request.form:
            differences = list(self.compared(record, self.document(record), self.typed(form, record)))
        return self.draw(form, Outcome(record, differences=differences), unsaved=True)

    def _told(self, form: Any, outcome: Outcome) -> Response:
        """What the page's script wants to know after a background save."""
        refusal = outcome.refusal
        fields = [field for field in self.fields(form) if field.errors and field is not form.csrf_token]
        errors = {field.name: [str(error) for error in field.errors] for field in fields}
        guide = self.guide(outcome.record)
        completeness = guide.navigator.completeness
        answer = {
            "address": self.address(outcome.record),
            "row_version": None if refusal else form.row_version.data,
            "saved_at": None if refusal else clock.now().strftime("%H:%M UTC"),
            "detail": refusal and (next((texts[0] for texts in errors.values()), "") or refusal.detail),
            "code": refusal and refusal.code,
            "errors": errors,
            "completeness": completeness,
            "values": self.values(form),
            "parts": self.parts(form, outcome.record)
            | {
                "completeness": _macro("completeness")(completeness),
                "navigator": _macro("navigator_panel")(guide.navigator),
            },
        }
        return make_response(jsonify(answer), refusal.status if refusal else 200)

    def guide(self, record: Any) -> Any:
        """The Navigator and the strip as they are now."""
        about = self.about(record)
        config = about.get("config")
        return self._frame(config.cycle if config is not None else about.get("cycle"), config).guide


def in_order(chosen: Sequence[str] | None, stored: Sequence[str]) -> list[str]:
    """Boxes have no order of their own: the stored one stays, what is new follows."""
    kept = [item for item in stored if item in (chosen or ())]
    return kept + [item for item in chosen or () if item not in kept]


def _macro(name: str) -> Any:
    return get_template_attribute("screens/_parts.html", name)
