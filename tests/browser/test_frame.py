"""The frame in a browser: it follows what is saved in the background, fits every window, and lets titles be."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pictures import CANDIDATE, SCREENS

PHONE, NARROW, WIDE = 390, 1280, 1440
POOLS = f"/configs/{CANDIDATE}/pools"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
HEIGHT = "element => element.getBoundingClientRect().height"
TOP = "element => element.getBoundingClientRect().top + scrollY"
IS_HIGHER = "document.documentElement.scrollHeight - document.documentElement.clientHeight"


@pytest.fixture
def narrow(new_page: Callable[..., Page]) -> Callable[[int], Page]:
    """A page of this width in the larger demo workspace."""

    def opened(width: int) -> Page:
        page = new_page(viewport={"width": width, "height": 800})
        page.goto("/?workspace=ws_2049")
        return page

    return opened


def test_the_strip_and_the_status_follow_what_is_saved_in_the_background(page: Page) -> None:
    page.goto("/?workspace=ws_2049")
    page.goto(POOLS)
    expect(page.locator("#strip")).to_contain_text("Simlook again")
    expect(page.locator("#config-status")).to_have_text("simulated")
    page.get_by_label("Included").first.fill("123")
    page.keyboard.press("Tab")
    expect(page.locator("[data-saved]")).to_contain_text("Saved")
    expect(page.locator("#strip")).to_contain_text("Simstale")
    expect(page.locator("#strip")).to_contain_text("Approveheld back")
    expect(page.locator("#config-status")).to_have_text("draft")
    expect(page.locator("#completeness")).to_contain_text("Approval held back")


def test_pages_without_a_config_show_how_the_newest_one_stands(page: Page) -> None:
    page.goto("/?workspace=ws_1049")
    home = page.locator("#completeness").inner_text()
    for address in ("/configs", "/cycles", "/decision-log", "/catalogs", "/usage", "/decision-log/compare"):
        page.goto(address)
        expect(page.locator("#completeness")).to_have_text(home)
        expect(page.locator("#strip")).not_to_contain_text("Confignot started")


def test_before_there_is_a_workspace_the_frame_says_that_one_comes_first(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#completeness")).to_contain_text("First: a workspace")
    page.locator("#completeness a").click()
    page.wait_for_url("**/setup/workspace")


@pytest.mark.parametrize("width", [PHONE, NARROW, WIDE])
def test_no_page_is_wider_than_its_window(narrow: Callable[[int], Page], width: int) -> None:
    page = narrow(width)
    too_wide = {}
    for name, address in SCREENS.items():
        page.goto(address)
        if page.evaluate(OVERFLOW) > 0:
            too_wide[name] = page.evaluate(OVERFLOW)
    assert too_wide == {}


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_a_short_page_does_not_scroll_and_the_navigator_begins_beneath_the_header(
    narrow: Callable[[int], Page], width: int
) -> None:
    page = narrow(width)
    page.goto("/cycles")
    assert page.evaluate(IS_HIGHER) == 0
    header, navigator = page.locator("header.top").bounding_box(), page.locator("#navigator").bounding_box()
    assert header
    assert navigator
    assert header["y"] + header["height"] == navigator["y"]


def test_the_folded_rail_opens_with_all_names_and_closes_again(narrow: Callable[[int], Page]) -> None:
    page = narrow(NARROW)
    rail = page.locator("#rail")
    expect(rail).to_have_css("width", "56px")
    page.get_by_role("button", name="Whole menu").click()
    expect(rail.get_by_text("Decision log")).to_be_visible()
    expect(rail).to_have_css("width", "220px")
    page.keyboard.press("Escape")
    expect(rail).to_have_css("width", "56px")
    rail.get_by_role("link", name="Decision log").click()
    page.wait_for_url("**/decision-log")


def test_what_a_word_means_is_one_click_away(page: Page) -> None:
    page.goto("/?workspace=ws_2049")
    page.goto(POOLS)
    page.locator(".field", has=page.get_by_label("Price book")).get_by_label("What is meant?").click()
    expect(page.get_by_text("the ledger's list of prices")).to_be_visible()


@pytest.mark.parametrize("width", [PHONE, NARROW, WIDE])
def test_a_workspace_with_the_longest_name_fits_every_page(narrow: Callable[[int], Page], width: int) -> None:
    page = narrow(width)
    before = page.locator("header.top").evaluate(HEIGHT)
    named = {"workspace_name": "W" * 200, "operator_role": "founder"}
    workspace_id = page.request.post("/api/workspaces", data=named).json()["workspace_id"]
    page.goto(f"/?workspace={workspace_id}")
    for address in ("/", "/setup/workspace", "/cycles", "/decision-log", "/catalogs", "/usage", "/admin/workspaces/"):
        page.goto(address)
        assert page.evaluate(OVERFLOW) == 0, address
        if not address.startswith("/admin/"):
            assert page.locator("header.top").evaluate(HEIGHT) == before, address


def test_on_a_phone_the_decision_is_one_tap_away_and_its_bills_are_not_cut_off(
    narrow: Callable[[int], Page],
) -> None:
    page = narrow(PHONE)
    page.goto(f"/configs/{CANDIDATE}/approve")
    assert page.locator("#decide").evaluate(TOP) < 2_000
    bills = page.get_by_role("region", name="Bill change per customer")
    assert bills.evaluate("sheet => sheet.scrollWidth - sheet.clientWidth") == 0
    page.get_by_role("link", name="Your decision").click()
    expect(page.locator("#decide")).to_be_in_viewport()
