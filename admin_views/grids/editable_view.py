"""The view of a grid that may be edited: create, edit and delete, each through a service that the API calls too."""

from collections.abc import Iterable

from flask import Response, make_response, redirect, request
from flask.typing import ResponseReturnValue
from flask_admin.form import SecureForm
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound

from admin_views.base import csrf_field, expose, note
from admin_views.formatters import label_of, short
from admin_views.forms import VersionedForm, at_its_field, in_order, refusal_of
from admin_views.grids.column_forms import form_class, load_choices
from admin_views.grids.spec import GridSpec
from admin_views.grids.view import GridView
from app.errors import AvsError, Conflict, PreconditionFailed
from app.identity import acting
from app.models.base import Model, db
from app.models.transactions import write
from simulation.canonical import Json, JsonObject, content_hash


class EditableGridView(GridView):
    """A grid with forms. Rows that belong to a config may change while that config is in work."""

    edit_template = "avs/form.html"
    create_template = "avs/form.html"
    checks_own_token = frozenset({"create_view", "edit_view"})

    def __init__(self, spec: GridSpec) -> None:
        if spec.editing is None:
            raise ValueError(f"{spec.name} has no services to edit it with")
        self.editing = spec.editing
        self.can_edit = True
        self.can_create = self.editing.create is not None
        self.can_delete = self.editing.delete is not None
        routes = {"edit_view": self.can_edit, "create_view": self.can_create, "delete_view": self.can_delete}
        self.writes = frozenset(name for name, allowed in routes.items() if allowed)
        super().__init__(spec)

    def get_create_form(self) -> type[SecureForm]:
        return form_class(self.spec.table, (*self.editing.fixed, *self.editing.fields), self.references, SecureForm)

    def get_edit_form(self) -> type[SecureForm]:
        return form_class(self.spec.table, self.editing.fields, self.references, VersionedForm)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> ResponseReturnValue:
        """The form of a new row: GET shows it, POST creates the row and goes on to its details."""
        if not self.can_create:
            answer: ResponseReturnValue = super().create_view()
            return answer
        form = self.create_form()
        load_choices(form, db.session, self.references)
        if request.method == "GET":
            return self._form_page(form, None)
        refusal = None if form.validate() else refusal_of(form)
        if refusal is None:
            try:
                row = self._create(form)
            except (AvsError, IntegrityError) as error:
                refusal = at_its_field(form, error)
            else:
                note(f"{self._title(row)} was created.")
                return redirect(self.get_url(".details_view", id=self.get_pk_value(row)))
        return self._form_page(form, None, refusal)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> ResponseReturnValue:
        """The form of a row: GET shows it, POST saves what changed and goes on to the row's details."""
        row = self.existing()
        self.editing.require_editable(db.session, row)
        form = self.edit_form(obj=row)
        load_choices(form, db.session, self.references)
        if request.method == "GET":
            form.row_version.data = self.version_of(row)
            return self._form_page(form, row)
        refusal = None if form.validate() else refusal_of(form)
        if refusal is None:
            try:
                self._update(form)
            except (AvsError, IntegrityError) as error:
                refusal = at_its_field(form, error)
            else:
                note(f"{self._title(row)} was saved.")
                return redirect(self.get_url(".details_view", id=request.values["id"]))
        row = self.existing()
        if isinstance(refusal, PreconditionFailed):
            form.row_version.data = self.version_of(row)
        return self._form_page(form, row, refusal)

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> ResponseReturnValue:
        """GET asks for confirmation, naming the row; POST deletes it. So confirming needs no script."""
        if self.editing.delete is None:
            raise NotFound(f"{self.name} are not deleted here: each goes with its config.")
        row = self.existing()
        self.editing.require_editable(db.session, row)
        if request.method == "GET":
            page: str = self.render(
                "avs/delete.html", what=self._title(row), token=csrf_field(), row_id=self.get_pk_value(row)
            )
            return page
        title, key = self._title(row), self._key(row)
        with write(db.session):
            self.editing.delete(db.session, *key, **acting())
        note(f"{title} was deleted.")
        return redirect(self.get_url(".index_view"))

    def frozen(self, row: Model) -> str | None:
        try:
            self.editing.require_editable(db.session, row)
        except Conflict as refusal:
            return refusal.detail
        return None

    def version_of(self, row: Model) -> str:
        """A digest of everything that the row stores, by which an edit tells on what it was based."""
        return content_hash([getattr(row, column.name) for column in self.spec.table.columns])

    def _create(self, form: SecureForm) -> Model:
        """Create the row; fields that were left empty get their defaults."""
        if self.editing.create is None:
            raise NotFound(f"{self.name} are not created here.")
        data = {name: form[name].data for name in (*self.editing.fixed, *self.editing.fields)}
        with write(db.session):
            return self.editing.create(
                db.session, {name: value for name, value in data.items() if value is not None}, **acting()
            )

    def _update(self, form: VersionedForm) -> None:
        """Save what the form changes; PreconditionFailed when something else is stored than the form was shown with."""
        with write(db.session):
            row = self.existing()
            key = self._key(row)
            self.editing.require_editable(db.session, row)
            changes = self._changes(form, row)
            if form.row_version.data != self.version_of(row):
                raise PreconditionFailed(self._overtaken(row, changes), code="changed_meanwhile")
            if changes:
                self.editing.update(db.session, *key, changes, **acting())

    def _key(self, row: Model) -> tuple[Json, ...]:
        return tuple(getattr(row, name) for name in self.spec.key)

    def _changes(self, form: VersionedForm, row: Model) -> JsonObject:
        """The fields that differ from the stored row; a list of choices keeps its stored order."""
        changes: JsonObject = {}
        for name in self.editing.fields:
            column, stored, value = self.spec.table.c[name], getattr(row, name), form[name].data
            if isinstance(value, list) and isinstance(stored, list) and form[name].type == "SelectMultipleField":
                value = in_order(value, stored)
            if value is None and not column.nullable:
                value = [] if self.kinds[name] == "json" else stored
            if value != stored:
                changes[name] = value
        return changes

    def _overtaken(self, row: Model, names: Iterable[str]) -> str:
        """The sentence for an operator who was overtaken by another, with what is stored now in these fields."""
        stored = "; ".join(
            f"{label_of(name)}: {short(getattr(row, name), self.kinds[name]).striptags()}" for name in names
        )
        return (
            f"{self._title(row)} was changed by another operator since you opened it. Nothing was saved, and what you "
            f"typed is still here. Stored now: {stored or 'the same as here'}. Save again to replace it."
        )

    def _title(self, row: Model) -> str:
        """The row as messages and headings name it: `Cycle Q1 cyc_1`."""
        names = (getattr(row, name, None) for name in ("name", "label", "cycle_name", "workspace_name"))
        identifier = " / ".join(getattr(row, name) for name in self.spec.key)
        return " ".join((self.spec.one, *(name for name in names if name), identifier))

    def _form_page(self, form: SecureForm, row: Model | None, refusal: AvsError | None = None) -> Response:
        page = self.render(
            self.edit_template,
            form=form,
            model=row,
            row_id=row and self.get_pk_value(row),
            what=self._title(row) if row else f"New {self.spec.one.lower()}",
            refusal=refusal,
        )
        return make_response(page, refusal.status if refusal else 200)
