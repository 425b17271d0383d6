"""Flow 3 in a browser: drafts that save themselves, two operators on one of them, rows moved by keyboard."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Locator, Page, expect

DRAFT = "/configs/cfg_smb_learning_prod_v2_candidate"
POOLS, EXPLORATION, RAILS = (f"{DRAFT}/{part}" for part in ("pools", "exploration", "rails"))
NEW = "/cycles/cycle_2026_01_prod_90d/configs/new"
SAVED = re.compile(r"^Saved \d\d:\d\d UTC$")
CAP = "Monthly spend cap"


def status(page: Page) -> Locator:
    return page.locator("[data-saved]")


def saved(page: Page) -> None:
    expect(status(page)).to_have_text(SAVED)


@pytest.mark.parametrize("address", [NEW, POOLS, EXPLORATION, RAILS, "/configs/cfg_smb_learning_sandbox_v1/pools"])
def test_every_screen_can_be_used_by_everyone(page: Page, accessible: Callable[[Page], None], address: str) -> None:
    page.goto(address)
    accessible(page)


def test_a_draft_saves_itself_and_says_what_it_means_meanwhile(page: Page) -> None:
    page.goto(POOLS)
    core = page.locator('[data-row="pool_core"]')
    core.get_by_label("Included").fill("300")
    expect(core.locator(".says")).to_contain_text("300 × Usable HD minute per customer and 30 days, then $0.60 each.")
    page.get_by_label("Price book").fill("")
    expect(page.locator("#completeness")).to_contain_text("Next missing: the price book")
    saved(page)
    page.reload()
    expect(core.get_by_label("Included")).to_have_value("300")
    expect(page.get_by_label("Price book")).to_have_value("")


def test_a_new_row_is_not_scolded_before_it_was_touched_and_gets_its_id_by_the_save(page: Page) -> None:
    page.goto(POOLS)
    page.get_by_role("button", name="Add pool").click()
    row = page.locator("[data-row]").last
    expect(row.get_by_label("Label")).to_be_focused()
    row.get_by_label("Label").fill("Night renders")
    expect(status(page)).to_contain_text("Not saved yet: Choose the unit that it counts.")
    expect(row.locator(".error:visible")).to_have_count(0)
    row.get_by_label("Value unit").select_option("vu_usable_hd_minute")
    row.get_by_label("Beyond that").select_option("hard_stop")
    saved(page)
    page.goto(f"{POOLS}?pool=pool_night_renders#value_unit_id")
    expect(page.locator("#value_unit_id")).to_be_focused()
    expect(page.locator("#value_unit_id")).to_have_value("vu_usable_hd_minute")


def test_rows_move_by_keyboard_and_the_focus_stays(page: Page) -> None:
    page.goto(POOLS)
    page.get_by_text("More about 4K Pro").click()
    up = page.get_by_role("button", name="Move 4K Pro up")
    up.focus()
    page.keyboard.press("Enter")
    expect(up).to_be_focused()
    expect(page.locator("#said")).to_have_text("4K Pro is now 1 of 2")
    saved(page)
    page.reload()
    labels = page.locator("[data-row]").get_by_label("Label")
    assert [label.input_value() for label in labels.all()] == ["4K Pro", "Core"]
    labels.first.focus()
    page.keyboard.press("Alt+ArrowDown")
    expect(page.locator("#said")).to_have_text("4K Pro is now 2 of 2")
    saved(page)


def test_a_removed_row_can_be_brought_back(page: Page) -> None:
    page.goto(POOLS)
    page.get_by_text("More about 4K Pro").click()
    page.get_by_role("button", name="Remove 4K Pro").click()
    saved(page)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Remove 4K Pro")).to_be_focused()
    saved(page)
    page.reload()
    expect(page.locator("[data-row]")).to_have_count(2)


def test_buttons_that_send_the_whole_form_are_saved_behind(page: Page) -> None:
    page.goto(RAILS)
    page.get_by_label(CAP).fill("700")
    page.get_by_role("button", name="Use the stage's default").click()
    expect(page.locator("#gauge-says")).to_contain_text("at 90 % warn, at 100 % throttle")
    saved(page)
    page.reload()
    expect(page.get_by_label(CAP)).to_have_value("700")
    expect(page.get_by_label("90 %: what happens")).to_have_value("warn")


def test_the_slower_of_two_operators_decides_with_both_versions_in_sight(
    new_page: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    quick, slow = new_page(), new_page()
    for page in (quick, slow):
        page.goto(RAILS)
    quick.get_by_label(CAP).fill("800")
    saved(quick)
    slow.get_by_label(CAP).fill("900")
    expect(status(slow)).to_contain_text("Another operator changed this meanwhile.")
    slow.get_by_role("button", name="Compare and decide").click()
    row = slow.locator("#rivals tr", has_text="monthly spend cap")
    expect(row).to_contain_text("$800.00")
    expect(row).to_contain_text("$900.00")
    expect(slow.get_by_label(CAP)).to_have_value("900")
    accessible(slow)
    slow.get_by_role("button", name="Keep mine").click()
    expect(slow.locator(".flash")).to_contain_text("was saved")
    quick.get_by_label(CAP).fill("801")
    quick.get_by_role("button", name="Compare and decide").click()
    quick.get_by_role("link", name="Take theirs").click()
    expect(quick.get_by_label(CAP)).to_have_value("900")


def test_without_the_server_nothing_typed_is_lost_and_it_is_saved_when_it_is_back(page: Page) -> None:
    page.goto(RAILS)
    page.context.set_offline(True)
    page.get_by_label(CAP).fill("710")
    expect(status(page)).to_contain_text("Not saved: the server cannot be reached.")
    page.get_by_label(CAP).fill("720")
    page.context.set_offline(False)
    saved(page)
    page.reload()
    expect(page.get_by_label(CAP)).to_have_value("720")


def test_leaving_by_a_link_saves_first(page: Page) -> None:
    page.goto(RAILS)
    page.get_by_label(CAP).fill("730")
    page.get_by_role("link", name="Exploration", exact=True).click()
    page.wait_for_url("**/exploration")
    page.goto(RAILS)
    expect(page.get_by_label(CAP)).to_have_value("730")


def test_leaving_with_what_cannot_be_saved_asks(page: Page) -> None:
    page.goto(RAILS)
    page.get_by_label(CAP).fill("much")
    expect(status(page)).to_contain_text("is not a number")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.on("dialog", stay)
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Exploration", exact=True).click()
    assert asked == ["beforeunload"]
    expect(page.get_by_label(CAP)).to_have_value("much")


def test_a_config_is_begun_forked_and_written_without_scripts(new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(NEW)
    page.get_by_label("The active version").check()
    page.get_by_role("button", name="Create and continue to pools").click()
    page.get_by_text("More about Core").click()
    page.get_by_role("button", name="Duplicate Core").click()
    copy = page.locator("[data-row]").nth(1)
    copy.get_by_label("Label").fill("Second")
    copy.get_by_role("button", name="Move Core (copy) up").click()
    page.get_by_role("button", name="Continue to price plan").click()
    page.get_by_role("button", name="Continue to exploration").click()
    page.get_by_role("button", name="Continue to rails").click()
    page.get_by_role("link", name="Pools", exact=True).click()
    labels = page.locator("[data-row]").get_by_label("Label")
    assert [label.input_value() for label in labels.all()] == ["Second", "Core"]


def test_a_decided_config_is_forked_with_one_click(page: Page) -> None:
    page.goto("/configs/cfg_smb_learning_prod_v1/rails")
    expect(page.get_by_label(CAP)).to_be_disabled()
    page.get_by_role("button", name="Fork to change").click()
    page.wait_for_url(re.compile(r"/configs/cfg_(?!smb).*/rails$"))
    page.get_by_label(CAP).fill("610")
    saved(page)
