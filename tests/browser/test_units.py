"""Flow 2 in a browser: the live line, economics that compute each other, deep links, two operators, no script."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_drafts import saved, status

DEMO = "/cycles/cycle_2026_01_prod_90d/value-units"
GROWTH = "/cycles/cycle_2026_growth_prod_90d/value-units"
HD = f"{DEMO}?unit=vu_usable_hd_minute"
CONTROLS = "input, select, textarea"
Accessible = Callable[[Page], None]


def test_a_unit_is_defined_while_the_page_counts_and_computes_along(page: Page, accessible: Accessible) -> None:
    page.goto(DEMO)
    accessible(page)
    page.get_by_role("link", name="New unit").click()
    accessible(page)
    page.get_by_label("Name").fill("Usable render")
    page.get_by_label("Type").select_option("outcome")
    live = page.locator("#live")
    page.get_by_label("Event", exact=True).select_option("video_render_completed")
    expect(live).to_contain_text("Choose how the events add up")
    page.get_by_label("Adds up as").select_option("sum")
    page.get_by_label("Field", exact=True).select_option("output_minutes")
    expect(live).to_contain_text("3 events in the 30 days")
    expect(live).to_contain_text("12 units")
    page.get_by_role("button", name="Add filter").click()
    page.get_by_label("Filter 1: dimension").select_option("resolution")
    page.get_by_label("Filter 1: values").fill("4K")
    expect(live).to_contain_text("1 event in the 30 days")
    expect(live.locator("tbody tr")).to_have_count(1)
    page.get_by_label("Average cost").fill("0.30")
    page.get_by_label("Target price").fill("1.20")
    expect(page.get_by_label("Target margin")).to_have_value("75 %")
    expect(page.locator("#agreement")).to_contain_text("They agree")
    page.get_by_label("Target price").fill("0.60")
    expect(page.get_by_label("Target margin")).to_have_value("50 %")
    page.get_by_role("button", name="Save unit").click()
    expect(page.locator(".flash")).to_contain_text("Usable render was saved.")
    expect(page.locator(".state")).to_contain_text("Still missing: outcome statement, metrics intent, economics")
    expect(page.locator(".beside [aria-current]")).to_contain_text("Usable render")
    page.locator(".state").get_by_role("link", name="metrics intent").click()
    expect(page.get_by_label("Metric 1", exact=True)).to_be_focused()
    accessible(page)


def test_three_that_disagree_are_said_and_brought_into_line_by_one_button(page: Page, accessible: Accessible) -> None:
    page.goto(HD)
    page.get_by_label("Target margin").fill("40")
    agreement = page.locator("#agreement")
    expect(agreement).to_contain_text("cost and price give a margin of 70 %")
    accessible(page)
    page.get_by_role("button", name="Set price to $0.3").click()
    expect(page.get_by_label("Target price")).to_have_value("0.3")
    expect(agreement).to_contain_text("They agree")
    expect(page.get_by_label("Target margin")).to_have_value("40")


def test_a_price_follows_from_cost_and_margin_while_nobody_typed_one(page: Page) -> None:
    page.goto(f"{DEMO}?unit=new")
    page.get_by_label("Average cost").fill("0.18")
    page.get_by_label("Target margin").fill("70")
    expect(page.get_by_label("Target price")).to_have_value("0.6")
    page.get_by_label("Average cost").fill("0.36")
    expect(page.get_by_label("Target price")).to_have_value("1.2")
    expect(page.get_by_label("Target margin")).to_have_value("70")


def test_the_fields_on_offer_follow_the_event(page: Page) -> None:
    page.goto(HD)
    page.get_by_label("Event", exact=True).select_option("draft_export_created")
    field = page.get_by_label("Field", exact=True)
    expect(field.locator("option:checked")).to_have_text("output_minutes (not in the catalog)")
    page.get_by_label("Adds up as").select_option("count")
    expect(field).to_be_hidden()
    page.get_by_role("button", name="Remove filter 1").click()
    expect(page.get_by_label("Filter 1: values")).to_have_value("HD")
    expect(page.locator("#live")).to_contain_text("1 event in the 30 days")


@pytest.mark.parametrize(
    "field",
    [
        "event_mapping",
        "event_mapping.aggregation.type",
        "event_mapping.filters.resolution",
        "unit_economics.target_margin",
        "unit_economics.economics_confidence",
        "outcome_statement",
        "metrics_intent",
        "quality_signal_source",
        "unit_type",
    ],
)
def test_a_deep_link_puts_the_focus_into_the_exact_field(page: Page, field: str) -> None:
    page.goto(f"{HD}#{field}")
    expect(page.locator(f'[id="{field}"]:focus, [id="{field}"] :focus').and_(page.locator(CONTROLS))).to_be_visible()


def test_two_operators_editing_one_unit_lose_nothing(
    page: Page, new_page: Callable[..., Page], accessible: Accessible
) -> None:
    other = new_page()
    page.goto(HD)
    other.goto(HD)
    other.get_by_label("Outcome statement").fill("Theirs.")
    saved(other)
    page.get_by_label("Name").fill("Mine")
    expect(status(page)).to_contain_text("Another operator changed this meanwhile.")
    page.get_by_role("button", name="Compare and decide").click()
    expect(page.get_by_role("alert")).to_contain_text("changed by another operator")
    expect(page.get_by_role("alert")).to_be_focused()
    accessible(page)
    page.get_by_role("button", name="Take the stored outcome statement").click()
    expect(page.get_by_role("textbox", name="Outcome statement")).to_have_value("Theirs.")
    expect(page.get_by_role("textbox", name="Name")).to_have_value("Mine")
    page.get_by_role("button", name="Save unit").click()
    expect(page.locator(".flash")).to_contain_text("Mine was saved.")


def test_a_half_typed_unit_saves_itself_and_is_one_unit_from_then_on(page: Page, accessible: Accessible) -> None:
    page.goto(f"{DEMO}?unit=new")
    page.get_by_label("Outcome statement").fill("A storyboard that the customer approved.")
    saved(page)
    expect(page.locator(".beside [aria-current]")).to_contain_text("Untitled unit")
    expect(page.locator("#pane-title")).to_have_text("Untitled unit")
    expect(page.locator("#unit-state")).to_contain_text("Still missing: event mapping, metrics intent")
    assert "unit=vu_" in page.url
    page.get_by_label("Name").fill("Storyboard")
    expect(page.locator("#pane-title")).to_have_text("Storyboard")
    saved(page)
    accessible(page)
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator("#pane-title")).to_have_text("Storyboard (copy)")
    expect(page.locator(".beside li")).to_have_count(5)


def test_what_a_button_is_pressed_beside_is_saved_first(page: Page) -> None:
    page.goto(HD)
    page.get_by_label("Quality note").fill("Typed a moment ago.")
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator("#pane-title")).to_have_text("Usable HD minute (copy)")
    expect(page.get_by_label("Quality note")).to_have_value("Typed a moment ago.")


def test_a_filter_that_is_half_typed_waits_for_its_value(page: Page) -> None:
    page.goto(HD)
    page.get_by_role("button", name="Add filter").click()
    page.get_by_label("Filter 3: dimension").select_option("customer_id")
    expect(status(page)).to_contain_text("Not saved yet: Say what customer_id has to be")
    page.get_by_label("Filter 3: values").fill("cust_2001")
    saved(page)
    page.reload()
    values = page.get_by_label(re.compile(r"^Filter \d: values$"))
    assert [value.input_value() for value in values.all()].count("cust_2001") == 1


def test_a_margin_that_follows_is_saved_with_what_it_follows(page: Page) -> None:
    page.goto(HD)
    page.get_by_label("Target margin").fill("")
    page.get_by_label("Target price").fill("0.36")
    expect(page.get_by_label("Target margin")).to_have_value("50 %")
    saved(page)
    page.reload()
    expect(page.get_by_label("Target margin")).to_have_value("50 %")


def test_everything_works_without_a_script(new_page: Callable[..., Page]) -> None:
    page = new_page(java_script_enabled=False)
    page.goto(f"{DEMO}?unit=new")
    page.get_by_label("Name").fill("Plain")
    page.get_by_label("Type").select_option("usage")
    page.get_by_label("Event", exact=True).select_option("video_render_completed")
    page.get_by_label("Adds up as").select_option("count")
    page.get_by_role("button", name="Add filter").click()
    page.get_by_label("Filter 1: dimension").select_option("resolution")
    page.get_by_label("Filter 1: values").fill("HD, 4K")
    page.get_by_role("button", name="Check this mapping").click()
    expect(page.locator("#live")).to_contain_text("3 events in the 30 days")
    page.get_by_label("Average cost").fill("1")
    page.get_by_label("Target price").fill("4")
    page.get_by_label("Target price").press("Enter")
    expect(page.locator(".flash")).to_contain_text("Plain was saved.")
    expect(page.get_by_label("Target margin")).to_have_value("75 %")
    expect(page.get_by_label("Filter 1: values")).to_have_value("HD, 4K")


def test_what_changed_is_shown_and_submitted(page: Page, accessible: Accessible) -> None:
    page.goto(f"{GROWTH}?unit=vu_growth_storyboard")
    page.get_by_label("Manual quality review passed").check()
    page.get_by_role("button", name="Save unit").click()
    expect(page.locator(".flash")).to_contain_text("was saved")
    page.get_by_role("link", name="Back", exact=True).click()
    page.get_by_role("link", name="Continue to submit").click()
    expect(page.locator("h2", has_text="2 changes since snapshot 2")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Submit snapshot 3").click()
    page.wait_for_url(re.compile(r"/configs/"))
    page.goto(f"{GROWTH}/submit")
    expect(page.locator("h2", has_text="Nothing changed since snapshot 3")).to_be_visible()
    accessible(page)


def test_deleting_asks_with_the_name_of_what_goes(page: Page, accessible: Accessible) -> None:
    page.goto(HD)
    page.get_by_role("button", name="Duplicate").click()
    expect(page.locator("#pane-title")).to_have_text("Usable HD minute (copy)")
    page.get_by_role("link", name="Delete…").click()
    accessible(page)
    page.get_by_role("button", name="Delete Usable HD minute (copy)").click()
    expect(page.locator(".flash")).to_contain_text("was deleted")
    expect(page.locator("tbody tr")).to_have_count(3)
