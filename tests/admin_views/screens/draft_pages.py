"""Reading the draft screens like a browser without scripts: what a form would send, in its order, and sending it."""

from html.parser import HTMLParser
from typing import Any

from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

AUTOSAVE, PREVIEW = {"X-Autosave": "1"}, {"X-Preview": "1"}


class _Sent(HTMLParser):
    """The successful controls of the form with an id; what stands in a `<template>` is not there yet."""

    def __init__(self, form_id: str) -> None:
        super().__init__()
        self.form_id, self.inside, self.templates = form_id, False, 0
        self.pairs: list[list[str]] = []
        self.select: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self.inside = said.get("id") == self.form_id
        self.templates += tag == "template"
        if self.inside and not self.templates:
            self._control(tag, said)

    def _control(self, tag: str, said: dict[str, str | None]) -> None:
        name, value = said.get("name"), said.get("value") or ""
        if tag == "input" and name and (said.get("type") not in ("checkbox", "radio") or "checked" in said):
            self.pairs.append([name, value if said.get("type") != "checkbox" else value or "on"])
        if tag == "select" and name:
            self.select = [name, ""]
            self.pairs.append(self.select)
        if tag == "option" and self.select is not None and "selected" in said:
            self.select[1] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        if tag == "select":
            self.select = None
        self.templates -= tag == "template"


def sent_by(page: str, form_id: str = "draft") -> MultiDict[str, str]:
    """name → values, in the order of the page."""
    parser = _Sent(form_id)
    parser.feed(page)
    return MultiDict([(name, value) for name, value in parser.pairs])


def typed(page: str, changes: dict[str, Any] | None = None, form_id: str = "draft") -> MultiDict[str, str]:
    """What the form would send after somebody typed; a list replaces all values of a name, None unticks a box."""
    form = sent_by(page, form_id)
    for name, value in (changes or {}).items():
        if value is None:
            form.poplist(name)
        else:
            form.setlist(name, value if isinstance(value, list) else [value])
    return form


def post(client: FlaskClient, url: str, changes: dict[str, Any] | None = None, **options: Any) -> TestResponse:
    """Open the page, type into its form and send it."""
    return client.post(url, data=typed(client.get(url).text, changes), **options)
