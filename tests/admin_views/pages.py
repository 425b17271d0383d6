"""Pages as a browser reads them: how the templates break and indent their lines makes no difference to a test."""

import re
from typing import Any

from flask.testing import FlaskClient

BLOCK = (
    "article|aside|blockquote|body|caption|dd|details|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|html"
    "|legend|li|main|nav|noscript|ol|option|p|section|select|summary|table|tbody|td|template|th|thead|title|tr|ul"
)
VERBATIM = re.compile(r"(<(pre|textarea)\b.*?</\2>)", re.DOTALL)
FOLDS = (
    (re.compile(r"\s+"), " "),
    (re.compile(r" (/?>)"), r"\1"),  # within a tag, before its end
    (re.compile(r"(<[a-z][^<>]*>) "), r"\1"),  # after an opening tag
    (re.compile(r" (</)"), r"\1"),  # before a closing tag
    (re.compile(rf"(</(?:{BLOCK})>) "), r"\1"),  # between blocks
    (re.compile(rf" (<(?:{BLOCK})\b)"), r"\1"),
)


class Page:
    """An answer whose markup is folded; everything but HTML stays as it is."""

    mimetype: str

    @property
    def text(self) -> str:
        text: str = super().text  # type: ignore[misc]  # it is mixed into an answer
        return folded(text) if self.mimetype == "text/html" else text


class PageClient(FlaskClient):
    """A client that answers with pages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.response_wrapper = type("PageResponse", (Page, self.response_wrapper), {})


def folded(markup: str) -> str:
    """The markup without whitespace that is not shown; what stands in `pre` and `textarea` is kept to the letter."""
    parts = VERBATIM.split(markup)  # outside, the whole verbatim element, its name, outside, …
    return "".join(_fold(part) if index % 3 == 0 else part for index, part in enumerate(parts) if index % 3 != 2)


def _fold(markup: str) -> str:
    for pattern, replacement in FOLDS:
        markup = pattern.sub(replacement, markup)
    return markup
