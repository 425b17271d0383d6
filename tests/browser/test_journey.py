"""The whole journey: from an empty workspace to an active config, by mouse, by keyboard, and along the deep links."""

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.delivery.current import read
from tests.browser import journey
from tests.browser.keyboard import Keyboard
from tests.browser.pictures import SCREENS
from tests.browser.rest import another_page, follow
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
    _is_active(site, config_id)


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
        follow(page, missing)
        _mend(page)
    assert len(refused) == len(set(refused)) >= 5, refused
    expect(page.locator("#completeness")).to_contain_text("Complete")
    expect(page.locator("footer.next button.primary")).to_be_enabled()


def test_by_keyboard_alone_an_operator_comes_from_an_empty_workspace_to_an_active_config(
    page: Page, site: Site
) -> None:
    page.goto("/setup/workspace")
    keys = Keyboard(page)
    _set_up(keys)
    _read_the_pitch(keys)
    _name_the_cycle(keys)
    _define_a_unit(keys)
    _submit_the_units(keys)
    config_id = _create_the_config(keys)
    _fill_the_pools(keys)
    _subsidise_exploration(keys)
    _set_the_rails(keys)
    _simulate(keys)
    _approve(keys)
    expect(page.get_by_role("heading", level=1)).to_contain_text("active")
    _is_active(site, config_id)


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
    mended: dict[str, Callable[[Page, str], None]] = {
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
    with another_page(page):
        page.get_by_role("button", name="Save", exact=True).last.click()


def _is_active(site: Site, config_id: str) -> None:
    with site.app.app_context():
        subject = db.session.get_one(ConfigVersion, config_id).subject_resolution
        assert read(db.session, subject, now=SEEDED_AT).config_version_id == config_id
        db.session.remove()


# The journey's steps by keyboard


def _arrive(keys: Keyboard, address: str) -> None:
    """At the screen; the browser keeps the end of the address, `#canvas`, over a redirect."""
    keys.page.wait_for_url(re.compile(rf"{re.escape(address)}(\?(start|run)=\w+)?(#canvas)?$"))
    keys.skip_to_content()


def _set_up(keys: Keyboard) -> None:
    expect(keys.page.get_by_label("Workspace name")).to_be_focused()
    keys.page.keyboard.type("Pioneer Studio")
    keys.choose("Your role", "founder")
    keys.type("Your name", "Theresa")
    keys.send()
    _arrive(keys, "/setup/data-mode")
    keys.choose("Usage events come from", "mocked")
    keys.send()


def _read_the_pitch(keys: Keyboard) -> None:
    _arrive(keys, "/cycles/new/context")
    keys.type("Or paste text", journey.PITCH)
    keys.follow("Read it")
    keys.follow("Accept all new")
    expect(keys.page.get_by_text("accepted").first).to_be_visible()
    keys.follow("Continue to the north star", "a")


def _name_the_cycle(keys: Keyboard) -> None:
    _arrive(keys, "/cycles/new/north-star")
    keys.type("Cycle name", "First quarter")
    keys.follow("Continue to value units")


def _define_a_unit(keys: Keyboard) -> None:
    _arrive(keys, "/value-units")
    keys.follow("Define the first unit", "a")
    _arrive(keys, "/value-units?unit=new")
    keys.type("Name", "Rendered minute")
    keys.pick("Type", "outcome")
    keys.type("Outcome statement", "A minute of video that the customer keeps.")
    keys.pick("Event", "video_render_completed")
    keys.pick("Adds up as", "sum")
    keys.pick("Field", "output_minutes")
    keys.press("Add filter")
    keys.pick("Filter 1: dimension", "resolution")
    keys.type("Filter 1: values", "HD")
    keys.type("Average cost", "0.18")
    keys.type("Target price", "0.60")
    keys.pick("Confidence", "medium")
    keys.pick("Metric 1", "gross_margin")
    keys.pick("Expected impact 1", "positive")
    keys.tick("Customer satisfaction")
    keys.follow("Save unit")
    expect(keys.page.locator(".flash")).to_be_visible()


def _submit_the_units(keys: Keyboard) -> None:
    keys.skip_to_content()
    keys.follow("Close", "a")
    _arrive(keys, "/value-units")
    keys.follow("Continue to submit", "a")
    _arrive(keys, "/value-units/submit")
    keys.follow("Submit snapshot 1")


def _create_the_config(keys: Keyboard) -> str:
    _arrive(keys, "/configs/new")
    keys.pick("Segment", "ai_video_smb")
    keys.choose("Stage", "learning")
    keys.choose("Environment", "production")
    keys.follow("Create and continue to pools")
    _arrive(keys, "/pools")
    return keys.page.url.split("/configs/")[1].split("/")[0]


def _fill_the_pools(keys: Keyboard) -> None:
    """The stage's two pools stand there, with the only unit; the second one moves up, and a third is added."""
    keys.type("Included", "10")
    keys.press("Move Exploration up")
    expect(keys.page.locator("#said")).to_have_text("Exploration is now 1 of 2")
    keys.press("Add pool")
    expect(keys.page.locator("[data-row]").last.get_by_label("Label")).to_be_focused()
    keys.page.keyboard.type("Studio")
    keys.page.keyboard.press("Tab")
    keys.page.keyboard.press("ArrowDown")
    keys.type("Included", "5")
    keys.pick("Beyond that", "throttle")
    keys.type("Price book", "usd_2026_01")
    keys.follow("Continue to price plan")
    _arrive(keys, "/price-plan")
    keys.follow("Continue to exploration")


def _subsidise_exploration(keys: Keyboard) -> None:
    _arrive(keys, "/exploration")
    keys.pick("Paid from pool", "pool_exploration")
    keys.tick("draft_export_created")
    keys.follow("Continue to rails")


def _set_the_rails(keys: Keyboard) -> None:
    _arrive(keys, "/rails")
    keys.pick("90 %", "throttle")
    keys.type("Monthly spend cap", "1,000")
    keys.type("Margin floor", "40 %")
    keys.to("At the cap", "select", key="Shift+Tab")
    keys.pick("At the cap", "require_approval")
    keys.follow("Continue to simulate")


def _simulate(keys: Keyboard) -> None:
    _arrive(keys, "/simulate")
    keys.choose("Historical window", "mocked")
    keys.press("Simulate")
    _arrive(keys, "/review")
    keys.press("Skip to the next step", "a")
    keys.follow("Continue to approval", "a")


def _approve(keys: Keyboard) -> None:
    _arrive(keys, "/approve")
    keys.type("Approver name", "Theresa")
    keys.type("Approver role", "CEO")
    keys.type("Rationale", "Minutes are paid from the first one, and the margin holds.")
    keys.follow("Approve version 1")
