"""Every text field of the screens and grids passes the rule of `rules.texts`, whatever form it stands in."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.datastructures import MultiDict
from wtforms import Form, HiddenField, SelectField, SelectMultipleField, StringField, TextAreaField

from admin_views.forms import ParsedField, SourceTextField
from admin_views.grids.editable_view import EditableGridView
from admin_views.grids.specs import GRIDS

HOSTILE = ("a\u202eb", "\x85a\x1bb", "a\u2066b")
REFERS = {"baseline_config_version_id"}
"""A record is looked up by it; what names none is refused."""


def form_classes(app: Flask) -> Iterator[type[Form]]:
    """The forms of the screens, and those that the editable grids make."""
    waiting: list[type[Form]] = [Form]
    while waiting:
        form = waiting.pop()
        yield form
        waiting += form.__subclasses__()
    with app.test_request_context():
        for spec in GRIDS:
            if spec.editing is not None:
                view = EditableGridView(spec)
                yield view.get_create_form()
                yield view.get_edit_form()


def test_no_text_field_takes_what_hides_or_turns_text(sqlite_app: Flask) -> None:
    checked: set[str] = set()
    for form_class in form_classes(sqlite_app):
        if not form_class.__module__.startswith(("admin_views", "flask_admin", "wtforms")):
            continue
        for name, unbound in vars(form_class).items():
            kind = getattr(unbound, "field_class", None)
            if kind is None or not issubclass(kind, StringField | TextAreaField):
                continue
            if issubclass(kind, ParsedField | SourceTextField | HiddenField | SelectField | SelectMultipleField):
                continue
            if name in REFERS:
                continue
            checked.add(f"{form_class.__name__}.{name}")
            for text in HOSTILE:
                with sqlite_app.test_request_context():
                    field = kind("Name").bind(Form(), name)
                    field.process(MultiDict({name: text}))
                assert field.process_errors, f"{form_class.__name__}.{name} takes {text!r}"
    assert len(checked) > 15, checked


@pytest.mark.parametrize("workspace_id", ["a b", "a/b", "-x", "Café"])
def test_a_grid_makes_no_record_whose_id_an_address_cannot_hold(sqlite_app: Flask, workspace_id: str) -> None:
    with sqlite_app.test_request_context():
        spec = next(spec for spec in GRIDS if spec.slug == "workspaces")
        form = EditableGridView(spec).get_create_form()(MultiDict({"workspace_id": workspace_id}))
        form.validate()
    assert any("An id is 1 to 200 letters" in error for error in form.workspace_id.errors)
