"""The base of screens that edit a record as one form: saved whole, in the background too, never over others' changes.

The form carries `row_version`, a digest of what was shown. Whoever saves after another operator is shown both versions
with all that was typed still in the form; saving again keeps what was typed, opening the page again takes what is
stored.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypedDict, TypeVar

from flask import Response, get_template_attribute, jsonify, make_response, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from wtforms import Field

from admin_views.base import expose, note
from admin_views.forms import VersionedForm, at_its_field, refusal_of
from admin_views.screens.screen import Screen, go, is_autosave
from app import clock
from app.errors import AvsError, PreconditionFailed
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.transactions import write
from app.services.configs.diffs import same
from app.services.guidance.navigator import Guide
from simulation.canonical import Json, content_hash

Document = Json
"""What a form says of its record, as canonical JSON can hold it; two equal ones are the same version.

Each screen has a shape of its own for it.
"""
Record = TypeVar("Record")
RecordForm = TypeVar("RecordForm", bound=VersionedForm)
SAVE = "save"
OVERTAKEN = (
    "{} was changed by another operator since you opened it. Nothing was saved, and what you typed is still here. "
    "Choose which version stays."
)


class Subject(TypedDict, total=False):
    """The cycle or the config that a page is about, as `Screen.show` takes them."""

    cycle: Cycle | None
    config: ConfigVersion


@dataclass(frozen=True)
class Difference:
    """A field whose stored value and typed value differ, as text; None where there is no value.

    `about` is the part of the record that has the field. `take` is the action that gives up what was typed in this
    field alone, empty where there is none.
    """

    about: str
    label: str
    stored: str | None
    typed: str | None
    take: str = ""


@dataclass(frozen=True)
class Outcome(Generic[Record]):
    """The result of a save: the record as it is stored now, and why nothing was saved, if that is so.

    `differences` between the stored and the typed version are listed when another operator was faster.
    """

    record: Record
    refusal: AvsError | None = None
    differences: Sequence[Difference] = ()
    changed: bool = False


class DraftScreen(Screen, Generic[Record, RecordForm]):
    """A screen for one record with one form. A subclass says how the record is found, shown, read back and stored.

    The record may be one that is still to be made: then `store` makes it.
    """

    template: str
    writes = frozenset({"page"})
    checks_own_token = frozenset({"page"})

    def find(self, **where: str) -> Record:
        """The record in the address; NotFound that names it."""
        raise NotImplementedError

    def hold(self, record: Record) -> Record:
        """Lock the record inside the writing transaction and read it again; AvsError when it may not change."""
        raise NotImplementedError

    def form_of(self, record: Record) -> RecordForm:
        """The form of the record, with what the request carries typed into it."""
        raise NotImplementedError

    def document(self, record: Record) -> Document:
        """The stored version."""
        raise NotImplementedError

    def typed(self, form: RecordForm, record: Record) -> Document:
        """The typed version, in the shape of `document`; a value that means what is stored is the stored one."""
        raise NotImplementedError

    def store(self, record: Record, document: Document) -> Record | None:
        """Write the document through the service that the API calls too, inside the writing transaction.

        Returns the record if this has created it, else None.
        """
        raise NotImplementedError

    def address(self, record: Record) -> str:
        """The address at which the record is edited."""
        return request.full_path.removesuffix("?")

    def compared(self, record: Record, stored: Document, typed: Document) -> Iterable[Difference]:
        """The fields in which the two versions differ, as text."""
        raise NotImplementedError

    def title_of(self, record: Record) -> str:
        """The record as messages name it: `Team plan`, `The new unit`."""
        raise NotImplementedError

    def onward(self, record: Record) -> str:
        """The address of the screen that comes next."""
        raise NotImplementedError

    def subject(self, record: Record) -> Subject:
        """The cycle or the config that the frame shows."""
        raise NotImplementedError

    def act(self, form: RecordForm, action: str, record: Record) -> None:
        """Carry out a button that changes what is typed and saves nothing."""

    def fields(self, form: RecordForm) -> Iterable[Field]:
        """The controls that may have errors: `name`, `id`, `label`, `errors`, `type`."""
        return list(form)

    def values(self, form: RecordForm) -> dict[str, str]:
        """control name → the value that a background save has given it; the page's script writes it into the form."""
        return {"csrf_token": form.csrf_token.current_token}

    def parts(self, form: RecordForm, record: Record) -> dict[str, str]:
        """id → HTML of each part of the page that depends on the values as they are typed."""
        return {}

    def context(self, form: RecordForm, record: Record) -> dict[str, object]:
        """The template's values besides the form."""
        return {}

    def place(self, form: RecordForm, error: AvsError) -> AvsError:
        """The refusal, with each of its field errors put beside its field."""
        return at_its_field(form, error)

    @expose("", methods=("GET", "POST"))
    def page(self, **where: str) -> ResponseReturnValue:
        return self.edit(**where)

    def edit(self, **where: str) -> ResponseReturnValue:
        """Answer a request about the record in the address: show it, save it, preview it, or carry out a button."""
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
            return self._saved_behind(form, outcome)
        if outcome.refusal is not None:
            return self.draw(form, outcome)
        if action == SAVE:
            note(f"{self.title_of(outcome.record)} was saved.")  # also when the background was faster
            return go(self.address(outcome.record))
        return go(self.onward(outcome.record))

    def version(self, record: Record) -> str:
        """The digest of the stored version."""
        return content_hash(self.document(record))

    def draw(self, form: RecordForm, outcome: Outcome[Record], *, unsaved: bool = False) -> Response:
        """The page; it is `unsaved` when it shows something else than is stored, so that its script saves it."""
        return self.show(
            self.template,
            status=outcome.refusal.status if outcome.refusal else 200,
            form=form,
            fields=self.fields(form),
            refusal=outcome.refusal,
            differences=outcome.differences,
            unsaved=unsaved or outcome.refusal is not None,
            **self.subject(outcome.record),
            **self.context(form, outcome.record),
        )

    def save(self, form: RecordForm, record: Record) -> Outcome[Record]:
        """Save the form in one transaction: read again, compare with what was shown, and store what has changed."""
        if not form.validate():
            return Outcome(record, refusal_of(form))
        try:
            with write(db.session):
                held = self.hold(record)
                stored = self.document(held)
                typed = self.typed(form, held)
                changed = not same(stored, typed)
                if changed and form.row_version.data != content_hash(stored):
                    raise PreconditionFailed(OVERTAKEN.format(self.title_of(held)), code="changed_meanwhile")
                if changed:
                    held = self.store(held, typed) or held
        except AvsError as error:
            return self._refused(form, error)
        form.row_version.data = self.version(held)
        return Outcome(held, changed=changed)

    def _refused(self, form: RecordForm, error: AvsError) -> Outcome[Record]:
        """The outcome of a save that was rolled back; the record is read again, for the lock on it is gone."""
        db.session.expunge_all()
        record = self.find(**(request.view_args or {}))
        if isinstance(error, PreconditionFailed):
            return self._overtaken(form, record, error)
        return Outcome(record, self.place(form, error))

    def _overtaken(self, form: RecordForm, record: Record, error: AvsError) -> Outcome[Record]:
        """The outcome with both versions. From here on the form is based on what is stored now: saving it again wins.

        After a background save it stays based on what its operator saw, who has not decided yet.
        """
        stored = self.document(record)
        if not is_autosave():
            form.row_version.data = content_hash(stored)
        return Outcome(record, error, list(self.compared(record, stored, self.typed(form, record))))

    def _acted(self, form: RecordForm, record: Record, action: str) -> Response:
        self.act(form, action, record)
        differences: Sequence[Difference] = ()
        if "comparing" in request.form:
            differences = list(self.compared(record, self.document(record), self.typed(form, record)))
        return self.draw(form, Outcome(record, differences=differences), unsaved=True)

    def _saved_behind(self, form: RecordForm, outcome: Outcome[Record]) -> Response:
        """The answer to a background save: JSON from which the page's script brings the page up to date."""
        refusal = outcome.refusal
        fields = [field for field in self.fields(form) if field.errors and field is not form.csrf_token]
        errors = {field.name: [str(error) for error in field.errors] for field in fields}
        guide, config = self.guide(outcome.record), self.subject(outcome.record).get("config")
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
                "strip": _macro("strip")(guide.steps, self.step),
            }
            | ({} if config is None else {"config-status": _macro("pill")(config.status)}),
        }
        return make_response(jsonify(answer), refusal.status if refusal else 200)

    def guide(self, record: Record) -> Guide:
        """The Navigator and the progress strip as they are now."""
        subject = self.subject(record)
        config = subject.get("config")
        return self.frame(config.cycle if config is not None else subject.get("cycle"), config).guide


def _macro(name: str) -> Callable[..., Markup]:
    """A macro that the screens share."""
    macro: Callable[..., Markup] = get_template_attribute("screens/_parts.html", name)
    return macro
