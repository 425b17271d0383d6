"""Grids whose rows are drafts: create, edit and delete, each through the authoring service that the API calls too."""

from typing import Any

from flask import make_response, redirect, request
from flask_admin import expose
from flask_admin.form import SecureForm
from sqlalchemy.exc import IntegrityError
from werkzeug.exceptions import NotFound

from admin_views.base import csrf_field, note
from admin_views.formatters import label_of, short
from admin_views.forms import VersionedForm, at_its_field, form_class, load_choices, refusal_of
from admin_views.grids.specs import GridSpec
from admin_views.grids.view import GridView
from app.errors import AvsError, Conflict, PreconditionFailed
from app.identity import acting
from app.models.base import db
from app.models.transactions import write
from simulation.canonical import content_hash


class EditableGridView(GridView):
    """A grid whose rows may change while they are drafts."""

    edit_template = "avs/form.html"
    create_template = "avs/form.html"
    checks_own_token = frozenset({"create_view", "edit_view"})

    def __init__(self, spec: GridSpec) -> None:
        assert spec.editing is not None  # noqa: S101  (register.view_of chose this class by it)
        self.editing = spec.editing
        self.can_edit = True
        self.can_create = self.editing.create is not None
        self.can_delete = self.editing.delete is not None
        routes = {"edit_view": self.can_edit, "create_view": self.can_create, "delete_view": self.can_delete}
        self.writes = frozenset(name for name, allowed in routes.items() if allowed)
        super().__init__(spec)

    def get_create_form(self) -> Any:
        return form_class(self.spec.table, (*self.editing.fixed, *self.editing.fields), self.references, SecureForm)

    def get_edit_form(self) -> Any:
        return form_class(self.spec.table, self.editing.fields, self.references, VersionedForm)

    @expose("/new/", methods=("GET", "POST"))
    def create_view(self) -> Any:
        if not self.can_create:
            return super().create_view()
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
                note(f"{self._what(row)} was created.")
                return redirect(self.get_url(".details_view", id=self.get_pk_value(row)))
        return self._form_page(form, None, refusal)

    @expose("/edit/", methods=("GET", "POST"))
    def edit_view(self) -> Any:
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
                self._update(form, self.key_of(request.values["id"]))
            except (AvsError, IntegrityError) as error:
                refusal = at_its_field(form, error)
            else:
                note(f"{self._what(row)} was saved.")
                return redirect(self.get_url(".details_view", id=request.values["id"]))
        row = self.existing()
        if isinstance(refusal, PreconditionFailed):
            form.row_version.data = self.version_of(row)
        return self._form_page(form, row, refusal)

    @expose("/delete/", methods=("GET", "POST"))
    def delete_view(self) -> Any:
        """GET asks, naming what will go; POST deletes. So nothing depends on a script for its confirmation."""
        if self.editing.delete is None:
            raise NotFound(f"{self.name} are not deleted here: each goes with its config.")
        row = self.existing()
        self.editing.require_editable(db.session, row)
        if request.method == "GET":
            return self.render(
                "avs/delete.html", what=self._what(row), token=csrf_field(), row_id=self.get_pk_value(row)
            )
        what, key = self._what(row), self.key_of(request.values["id"])
        with write(db.session):
            self.editing.delete(db.session, *key, **acting())
        note(f"{what} was deleted.")
        return redirect(self.get_url(".index_view"))

    def frozen(self, row: Any) -> str | None:
        try:
            self.editing.require_editable(db.session, row)
        except Conflict as refusal:
            return refusal.detail
        return None

    def version_of(self, row: Any) -> str:
        """A digest of everything the row stores: what an edit was based on."""
        return content_hash([getattr(row, column.name) for column in self.spec.table.columns])

    def _create(self, form: Any) -> Any:
        assert self.editing.create is not None  # noqa: S101
        data = {name: form[name].data for name in (*self.editing.fixed, *self.editing.fields)}
        given = {name: value for name, value in data.items() if value is not None}
        with write(db.session):
            return self.editing.create(db.session, given, **acting())

    def _update(self, form: Any, key: tuple[str, ...]) -> None:
        with write(db.session):
            row = self.existing()
            self.editing.require_editable(db.session, row)
            changes = self._changes(form, row)
            if form.row_version.data != self.version_of(row):
                raise PreconditionFailed(self._overtaken(row, changes), code="changed_meanwhile")
            if changes:
                self.editing.update(db.session, *key, changes, **acting())

    def _changes(self, form: Any, row: Any) -> dict[str, Any]:
        """What the operator changed; a list of choices keeps the order it is stored in."""
        changes = {}
        for name in self.editing.fields:
            column, stored, value = self.spec.table.c[name], getattr(row, name), form[name].data
            if isinstance(value, list) and isinstance(stored, list) and form[name].type == "SelectMultipleField":
                value = [item for item in stored if item in value] + [item for item in value if item not in stored]
            if value is None and not column.nullable:
                value = [] if self.kinds[name] == "json" else stored
            if value != stored:
                changes[name] = value
        return changes

    def _overtaken(self, row: Any, changes: dict[str, Any]) -> str:
        now = "; ".join(
            f"{label_of(name)}: {short(getattr(row, name), self.kinds[name]).striptags()}" for name in changes
        )
        return (
            f"{self._what(row)} was changed by another operator since you opened it. Nothing was saved, and what you "
            f"typed is still here. Stored now: {now or 'the same as here'}. Save again to replace it."
        )

    def _what(self, row: Any) -> str:
        named = (getattr(row, name, None) for name in ("name", "label", "cycle_name", "workspace_name"))
        identifier = " / ".join(getattr(row, name) for name in self.spec.key)
        return " ".join((self.spec.one, *(name for name in named if name), identifier))

    def _form_page(self, form: Any, row: Any, refusal: AvsError | None = None) -> Any:
        page = self.render(
            self.edit_template,
            form=form,
            model=row,
            row_id=row and self.get_pk_value(row),
            what=self._what(row) if row else f"New {self.spec.one.lower()}",
            refusal=refusal,
        )
        return make_response(page, refusal.status if refusal else 200)
