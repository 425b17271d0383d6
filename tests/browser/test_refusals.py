"""What a browser makes of pages that are no screens: refusals in the frame, the API's documentation."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import CANDIDATE

Accessible = Callable[[Page], None]
FRAME = """() => ["body", ".rail", "h1"].map(
  selector => { const style = getComputedStyle(document.querySelector(selector));
                return [style.fontFamily, style.color, style.backgroundColor] })"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_unknown_address_looks_like_every_page_and_leads_on(
    new_page: Callable[..., Page], accessible: Accessible, scheme: str
) -> None:
    page = new_page(color_scheme=scheme)
    page.goto("/cycles")
    look = page.evaluate(FRAME)
    answer = page.goto("/nothing/here")
    assert answer
    assert answer.status == 404
    assert page.evaluate(FRAME) == look
    accessible(page)
    page.get_by_role("link", name="Back to Home").click()
    expect(page.get_by_role("link", name="Home", exact=True)).to_have_attribute("aria-current", "page")


@pytest.mark.parametrize("width", [390, 1280])
def test_it_fits_the_window(new_page: Callable[..., Page], width: int) -> None:
    page = new_page(viewport={"width": width, "height": 800})
    page.goto("/nothing/" + "x" * 300)
    assert page.evaluate(OVERFLOW) == 0


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_documentation_of_the_api_follows_the_scheme_and_has_a_way_back(
    new_page: Callable[..., Page], scheme: str, is_dark: bool
) -> None:
    page = new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
    page.goto("/api/docs")
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    assert page.evaluate("document.documentElement.classList.contains('dark-mode')") is is_dark
    assert page.evaluate(OVERFLOW) == 0
    page.get_by_role("link", name="Back to AVS Brain").click()
    page.wait_for_url("**/")
    expect(page.locator(".rail")).to_be_attached()


@pytest.mark.parametrize(
    ("address", "form", "name", "typed"),
    [
        ("/setup/workspace", "#workspace", "operator_name", "Theresa"),
        (f"/configs/{CANDIDATE}/approve", "#decide", "rationale", "4K pays for its reach."),
    ],
)
def test_back_shows_a_refused_form_again_with_what_was_typed(
    page: Page, address: str, form: str, name: str, typed: str
) -> None:
    page.goto("/?workspace=ws_2049")
    page.goto(address)
    page.locator(f"{form} [name={name}]").fill(typed)
    with page.expect_navigation() as sent:
        page.locator(form).evaluate("form => form.submit()")
    assert sent.value
    assert sent.value.status == 422
    page.wait_for_timeout(1_100)  # the session's cookie is another one in the next second
    page.goto("/cycles")
    again = page.go_back()
    assert again
    assert again.status == 422
    expect(page.locator(f"{form} [name={name}]")).to_have_value(typed)
