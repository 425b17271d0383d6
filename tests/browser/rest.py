"""When a page has come to rest: loaded, with the focus where its script puts it, and no other page on its way."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Locator, Page, expect

AT_REST = """() => new Promise((rest) => {
  const afterTheJump = () => setTimeout(() => setTimeout(rest));
  if (document.readyState === "complete") afterTheJump();
  else addEventListener("load", afterTheJump);
})"""
"""A page moves the focus to what its address names once it has loaded, by a timer; these two end after that one."""


def at_rest(page: Page) -> None:
    """Wait until the page has loaded and moves the focus no more."""
    page.wait_for_load_state()
    page.evaluate(AT_REST)


@contextmanager
def another_page(page: Page) -> Iterator[None]:
    """What the block does leads to another page, maybe of the same address; afterwards it is there, at rest."""
    page.evaluate("document.documentElement.dataset.before = ''")
    yield
    expect(page.locator("html[data-before]")).to_have_count(0)
    at_rest(page)


def follow(page: Page, link: Locator) -> None:
    """Click a link and be where it leads, which may be another place on the same page."""
    address = str(link.evaluate("link => link.href"))
    link.click()
    page.wait_for_url(address)
    at_rest(page)
