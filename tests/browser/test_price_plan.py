"""The price plan in a browser: from nothing to tiers and contracts, nothing typed lost, everything undone again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.rest import another_page

URL = "/configs/cfg_smb_learning_prod_v2_candidate/price-plan"
WITH_USAGE = "/configs/cfg_growth_smb_learning_prod_v3_candidate/price-plan"
SAVED = re.compile(r"^Saved \d\d:\d\d UTC$")
FEE = "Platform fee"


def saved(page: Page) -> None:
    expect(page.locator("[data-saved]")).to_have_text(SAVED)


def fee(page: Page) -> Locator:
    return page.locator("#platform_fee_usd")


def press(page: Page, button: Locator) -> None:
    """Press a button that brings the page anew, and act on it only when the focus moves no more."""
    with another_page(page):
        button.click()


def add_plan(page: Page, url: str = URL) -> None:
    """A plan with a fee; the page has come to rest when the field has the focus."""
    page.goto(url)
    press(page, page.get_by_role("button", name="Add a price plan"))
    expect(fee(page)).to_be_focused()
    fee(page).fill("49")
    saved(page)


def test_a_plan_is_authored_from_nothing_with_tiers_and_a_contract(
    page: Page, accessible: Callable[[Page], None]
) -> None:
    page.goto(URL)
    expect(page.get_by_text("No plan: revenue is overage alone")).to_be_visible()
    accessible(page)
    add_plan(page)
    expect(page.locator("#plan-says")).to_contain_text("Each customer pays $49.00 a month, used or not.")
    press(page, page.get_by_role("button", name="Add price").first)
    price = page.locator(".unit-price")
    price.get_by_label("Value unit").select_option("vu_usable_hd_minute")
    press(page, price.get_by_role("button", name="Add tier"))
    first, last = (page.get_by_role("group", name=f"Tier {at} of") for at in (1, 2))
    first.get_by_label("Up to").fill("100")
    first.get_by_role("textbox", name="Price").fill("0.5")
    last.get_by_role("textbox", name="Price").fill("0.4")
    expect(page.locator("figure.steps figcaption")).to_have_text(
        "Beyond the allowance the first 100 cost $0.50 each, then $0.40."
    )
    saved(page)
    press(page, page.get_by_role("button", name="Add contract"))
    contract = page.get_by_role("group", name="New contract", exact=True)
    contract.get_by_label("Customer").fill("cust_501")
    contract.get_by_label(FEE).fill("0")
    contract.get_by_label("Core").fill("400")
    expect(page.locator("#plan-says")).to_contain_text("no platform fee; Core includes 400.")
    saved(page)
    page.reload()
    expect(page.locator("#plan-says li")).to_have_count(5)
    accessible(page)


def test_packages_and_single_prices_show_only_what_they_need(page: Page) -> None:
    add_plan(page)
    press(page, page.get_by_role("button", name="Add price").first)
    price = page.locator(".unit-price")
    price.get_by_label("Priced by").select_option("package")
    expect(price.get_by_label("Up to")).to_be_hidden()
    price.get_by_label("Value unit").select_option("vu_usable_hd_minute")
    price.get_by_role("textbox", name="Price").fill("10")
    price.get_by_label("Units in a package").fill("1,000")
    expect(page.locator("#plan-says")).to_contain_text("they are sold in whole packages of 1,000 for $10.00 each.")
    price.get_by_label("Priced by").select_option("per_unit")
    expect(price.get_by_label("Units in a package")).to_be_hidden()
    expect(page.locator("#plan-says")).to_contain_text("each costs $10.00.")
    saved(page)


def test_three_real_bills_follow_what_is_typed(page: Page) -> None:
    add_plan(page, WITH_USAGE)
    bills = page.locator("#bills .bill")
    expect(bills).to_have_count(3)
    expect(bills.first).to_contain_text("Fees")
    expect(bills.first).to_contain_text("$49.00")
    fee(page).fill("1,234")
    expect(bills.first).to_contain_text("$1,234.00")


def test_an_error_stands_at_its_field_and_keeps_what_was_typed(page: Page) -> None:
    add_plan(page)
    fee(page).fill("much")
    page.locator("#minimum_commit_usd").fill("100")
    page.keyboard.press("Tab")
    expect(page.locator("#platform_fee_usd-error")).to_contain_text("is not a number")
    page.get_by_role("button", name="Continue to exploration").click()
    expect(page.locator("#problems")).to_contain_text(FEE)
    expect(fee(page)).to_have_value("much")
    expect(page.locator("#minimum_commit_usd")).to_have_value("100")
    fee(page).fill("59")
    saved(page)


def test_the_plan_is_removed_and_brought_back(page: Page) -> None:
    add_plan(page)
    page.get_by_role("button", name="Remove the plan").click()
    expect(page.get_by_text("The price plan is removed")).to_be_visible()
    saved(page)
    page.get_by_role("button", name="Undo").click()
    expect(fee(page)).to_have_value("49")
    saved(page)
    page.reload()
    expect(fee(page)).to_have_value("49")


def test_a_removed_price_is_brought_back(page: Page) -> None:
    add_plan(page)
    press(page, page.get_by_role("button", name="Add price").first)
    page.get_by_label("Value unit").first.select_option("vu_usable_hd_minute")
    page.get_by_role("group", name="Tier 1 of").get_by_role("textbox", name="Price").fill("0.5")
    saved(page)
    page.get_by_role("button", name="Remove New price").click()
    expect(page.get_by_text("is removed.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("group", name="Tier 1 of").get_by_role("textbox", name="Price")).to_have_value("0.5")
    saved(page)


def test_the_slower_of_two_operators_decides_with_both_plans_in_sight(
    new_page: Callable[..., Page], accessible: Callable[[Page], None]
) -> None:
    quick, slow = new_page(), new_page()
    add_plan(quick)
    slow.goto(URL)
    fee(quick).fill("59")
    saved(quick)
    fee(slow).fill("69")
    expect(slow.locator("[data-saved]")).to_contain_text("Another operator changed this meanwhile.")
    slow.get_by_role("button", name="Compare and decide").click()
    expect(slow.locator("#rivals")).to_contain_text("$59.00")
    expect(slow.locator("#rivals")).to_contain_text("$69.00")
    accessible(slow)
    slow.get_by_role("button", name="Keep mine").click()
    expect(slow.locator(".flash")).to_contain_text("was saved")


@pytest.mark.parametrize("width", [390, 1280])
def test_the_plan_is_no_wider_than_the_screen(new_page: Callable[..., Page], width: int) -> None:
    page = new_page(viewport={"width": width, "height": 900})
    add_plan(page)
    press(page, page.get_by_role("button", name="Add price").first)
    press(page, page.get_by_role("button", name="Add contract"))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_by_keyboard_alone_a_plan_comes_and_goes(page: Page) -> None:
    page.goto(URL)
    page.get_by_role("button", name="Add a price plan").focus()
    page.keyboard.press("Enter")
    expect(fee(page)).to_be_focused()
    page.keyboard.type("49")
    saved(page)
    page.get_by_role("button", name="Remove the plan").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Undo").focus()
    page.keyboard.press("Enter")
    expect(fee(page)).to_have_value("49")
