"""Flow 1A in a browser: a document is read while the page says so, and taken out again after a question."""

import json
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.rest import another_page
from tests.reader.hostile import HOSTILE

NAME = "long pages.pdf"
WATCH = """() => {
  const form = document.getElementById("read"), button = form.querySelector("button");
  const note = () => [button.textContent, button.disabled, form.querySelector("progress").hidden];
  new MutationObserver(() => { sessionStorage.meanwhile = JSON.stringify(note()); }).observe(form, {attributes: true});
}"""
"""Keep what the page says while the next one is on its way, when nobody can ask it."""


def test_a_document_is_read_while_the_page_says_so_and_taken_out_after_a_question(
    page: Page, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    file = tmp_path / NAME
    file.write_bytes(HOSTILE[NAME]())
    page.goto("/?workspace=ws_1049")
    page.goto("/cycles/new/context")
    page.get_by_label("Or paste text").fill("A rendered minute costs us $0.18.")
    page.get_by_role("button", name="Read it").click()
    expect(page.locator("#cards")).to_contain_text("costs us $0.18")
    page.get_by_label("Documents").set_input_files(file)
    page.evaluate(WATCH)
    with another_page(page):
        page.get_by_role("button", name="Read it").click()
    assert json.loads(page.evaluate("sessionStorage.meanwhile")) == [f"Reading {NAME}…", True, False]
    expect(page.get_by_role("button", name="Read it")).to_be_enabled()
    page.get_by_role("link", name="Take out… pasted text").click()
    question = page.get_by_role("region", name="Take out pasted text?")
    expect(question).to_contain_text("1 card")
    accessible(page)
    question.get_by_role("link", name="Keep it").click()
    expect(question).to_have_count(0)
    page.get_by_role("link", name="Take out… pasted text").click()
    question.get_by_role("button", name="Take out pasted text").click()
    expect(page.locator(".flash")).to_have_text("pasted text was taken out.")
    expect(page.get_by_label("Or paste text")).to_have_value("")
