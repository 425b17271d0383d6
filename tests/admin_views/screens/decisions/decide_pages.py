"""Reading the decision screens like a browser: the forms of a page with what they would send, and its text."""

import html
import re
from html.parser import HTMLParser

from flask.testing import FlaskClient
from werkzeug.test import TestResponse


class _Forms(HTMLParser):
    """form id → {name: value}; a select sends its selected option, a textarea its text, a box only when ticked."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.form: dict[str, str] | None = None
        self.open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "form":
            self.form = self.forms.setdefault(said.get("id") or said.get("action") or "", {})
        if self.form is None or (not said.get("name") and tag != "option"):
            return
        if tag == "input" and (said.get("type") not in ("checkbox", "radio") or "checked" in said):
            self.form[str(said["name"])] = said.get("value") or ""
        if tag in ("select", "textarea"):
            self.open = str(said["name"])
            self.form.setdefault(self.open, "")
        if tag == "option" and self.open and ("selected" in said or not self.form[self.open]):
            self.form[self.open] = said.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self.open and self.form is not None and self.lasttag == "textarea":
            self.form[self.open] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("select", "textarea"):
            if tag == "textarea" and self.form is not None and self.open:
                self.form[self.open] = self.form[self.open].removeprefix("\r\n").removeprefix("\n")
            self.open = None
        if tag == "form":
            self.form = None


def form_of(page: str, form_id: str) -> dict[str, str]:
    """What the form of that id (else that action) would send."""
    parser = _Forms()
    parser.feed(page)
    return parser.forms[form_id]


def sent(client: FlaskClient, url: str, form_id: str, to: str | None = None, **typed: str) -> TestResponse:
    """Open the page, type into its form and send it."""
    page = client.get(url)
    return client.post(to or url, data=form_of(page.text, form_id) | typed)


def text_of(page: str) -> str:
    """The words of a page, spaces collapsed."""
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())
    return re.sub(r" ([.,;:])", r"\1", words)
