"""The whole journey: from an empty workspace to an active config, by mouse, by keyboard, and along the deep links."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.runtime import read
from tests.browser import journey
from tests.browser.pictures import SCREENS
from tests.browser.running import SEEDED_AT, Site


def test_from_an_empty_workspace_to_an_active_config(page: Page, site: Site) -> None:
    journey.set_up(page)
    journey.read_the_pitch(page)
    cycle_id = journey.name_the_cycle(page)
    journey.define_a_unit(page, cycle_id)
    journey.submit_the_units(page, cycle_id)
    config_id = journey.create_the_config(page)
    journey.fill_the_pools(page)
    journey.leave_exploration_off(page)
    journey.set_the_rails(page)
    journey.simulate(page)
    journey.approve(page)
    page.goto(f"/configs/{config_id}/approve")
    expect(page.get_by_role("heading", level=1)).to_contain_text("active")
    with site.app.app_context():
        subject = db.session.get_one(ConfigVersion, config_id).subject_resolution
        assert read(db.session, subject, now=SEEDED_AT).config_version_id == config_id


def test_following_the_next_missing_item_alone_makes_an_empty_config_pass_every_gate(page: Page) -> None:
    """Each gate refuses first; its link leads to the field that has the focus; once mended, the next one comes up."""
    journey.set_up(page)
    journey.read_the_pitch(page)
    cycle_id = journey.name_the_cycle(page)
    journey.define_a_unit(page, cycle_id)
    journey.submit_the_units(page, cycle_id)
    config_id = journey.create_the_config(page)
    refused: list[str] = []
    for _ in range(12):
        page.goto(f"/configs/{config_id}/approve")
        missing = page.locator("#completeness a")
        if not missing.count():
            break
        assert page.locator("footer.next button.primary").is_disabled()
        refused.append(missing.inner_text().removeprefix("Next missing: "))
        missing.click()
        page.wait_for_load_state()
        _mend(page)
    assert len(refused) == len(set(refused)) >= 5, refused
    expect(page.locator("#completeness")).to_contain_text("Complete")
    expect(page.locator("footer.next button.primary")).to_be_enabled()


def test_by_keyboard_alone_an_operator_makes_a_workspace_and_a_cycle(page: Page) -> None:
    page.goto("/setup/workspace")
    expect(page.get_by_label("Workspace name")).to_be_focused()
    page.keyboard.type("Pioneer Studio")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.type("Theresa")
    page.keyboard.press("Enter")
    page.wait_for_url("**/setup/data-mode*")
    _tab_to(page, "button", "Continue to context")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cycles/new/context*")
    _tab_to(page, "button", "Skip and type it in")
    page.keyboard.press("Enter")
    page.wait_for_url("**/cycles/new/north-star*")
    _tab_to(page, "input", "Cycle name")
    page.keyboard.type("First quarter")
    _tab_to(page, "input", "AI video, small and medium businesses")
    page.keyboard.press("Space")
    _tab_to(page, "button", "Continue to value units")
    page.keyboard.press("Enter")
    page.wait_for_url("**/value-units*")


def test_every_screen_of_the_demo_is_accessible_in_light_and_dark(
    page: Page, accessible: Callable[[Page], None]
) -> None:
    page.goto("/?workspace=ws_1049")
    for address in SCREENS.values():
        page.goto(address)
        accessible(page)


def test_on_a_phone_nothing_is_wider_than_the_screen_and_the_navigator_is_a_drawer(
    new_page: Callable[..., Page],
) -> None:
    page = new_page(viewport={"width": 400, "height": 800})
    for address in ("/?workspace=ws_1049", "/configs/cfg_smb_learning_prod_v2_candidate/pools", "/decision-log"):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, address
        expect(page.locator("#navigator")).to_be_hidden()
        page.get_by_role("button", name="Navigator").click()
        expect(page.locator("#navigator")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator("#navigator")).to_be_hidden()


def _mend(page: Page) -> None:
    """Give the focused field what it asks for, and leave the screen by its primary button."""
    screen = re.sub(r".*/", "", page.url.split("?")[0].split("#")[0])
    focused = str(page.evaluate("document.activeElement.id || document.activeElement.name || ''"))
    mended = {
        "pools": _mend_pools,
        "exploration": lambda page, _: journey.leave_exploration_off(page),
        "rails": _mend_rails,
        "simulate": lambda page, _: journey.simulate(page),
    }
    mended[screen](page, focused)


def _mend_pools(page: Page, focused: str) -> None:
    if focused == "price_book_ref":
        page.get_by_label("Price book").fill("usd_2026_01")
        _save(page)
        return
    page.get_by_role("button", name="Add pool").click()
    page.get_by_label("Label").fill("Core")
    page.get_by_label("Beyond that").select_option("allow_overage")
    journey.include_ten_minutes(page)
    _save(page)


def _mend_rails(page: Page, focused: str) -> None:
    values = {"monthly_spend_cap_usd": "1,000", "margin_floor": "40 %"}
    if focused in values:
        page.keyboard.type(values[focused])
    elif focused == "at_cap_action":
        page.locator("#at_cap_action").select_option("require_approval")
    _save(page)


def _save(page: Page) -> None:
    with page.expect_navigation():
        page.get_by_role("button", name="Save", exact=True).last.click()


def _tab_to(page: Page, tag: str, name: str) -> None:
    """Press Tab until the control with this name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        found = page.evaluate(
            "() => { const e = document.activeElement; return [e.tagName.toLowerCase(), "
            "(e.labels && e.labels[0] ? e.labels[0].innerText : e.innerText) || '']; }"
        )
        if found[0] == tag and name in found[1]:
            return
    raise AssertionError(f"No Tab leads to the {tag} {name!r} of {page.url}")
