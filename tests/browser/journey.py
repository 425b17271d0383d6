"""The steps of the whole journey, as an operator takes them; each leaves the browser on the next screen."""

from playwright.sync_api import Page, expect

PITCH = (
    "We want to find product-market fit with small businesses. A rendered minute costs us $0.18 and we charge $0.60 "
    "per minute. Gross margin must stay above 68 %. We count video_render_completed events."
)


def set_up(page: Page, name: str = "Pioneer Studio") -> None:
    """From nothing to a workspace on the bundled demo events."""
    page.goto("/setup/workspace")
    page.get_by_label("Workspace name").fill(name)
    page.get_by_label("Founder").check()
    page.get_by_label("Your name").fill("Theresa")
    page.get_by_role("button", name="Continue to data").click()
    page.get_by_label("Mocked:").check()
    page.get_by_role("button", name="Continue to context").click()
    page.wait_for_url("**/cycles/new/context*")


def read_the_pitch(page: Page) -> None:
    page.get_by_label("Or paste text").fill(PITCH)
    page.get_by_role("button", name="Read it").click()
    page.get_by_role("button", name="Accept all new").click()
    expect(page.get_by_text("accepted").first).to_be_visible()
    page.get_by_role("link", name="Continue to the north star").click()
    page.wait_for_url("**/cycles/new/north-star*")


def name_the_cycle(page: Page) -> str:
    """The goal, the metrics and the segment stand there from the pitch; returns the cycle's id."""
    expect(page.get_by_label("Goal")).to_have_value("pmf_learning")
    page.get_by_label("Cycle name").fill("First quarter")
    page.get_by_role("button", name="Continue to value units").click()
    page.wait_for_url("**/value-units*")
    return page.url.split("/cycles/")[1].split("/")[0]


def define_a_unit(page: Page, cycle_id: str) -> None:
    page.goto(f"/cycles/{cycle_id}/value-units?unit=new")
    page.get_by_label("Name", exact=False).first.fill("Rendered minute")
    page.get_by_label("Type").first.select_option("outcome")
    page.get_by_label("Outcome statement").fill("A minute of video that the customer keeps.")
    page.locator('[id="event_mapping.event_type"]').select_option("video_render_completed")
    page.locator('[id="event_mapping.aggregation.type"]').select_option("sum")
    page.locator('[id="event_mapping.aggregation.field"]').select_option("output_minutes")
    page.locator('[id="unit_economics.avg_cost_per_unit_usd"]').fill("0.18")
    page.locator('[id="unit_economics.target_price_per_unit_usd"]').fill("0.60")
    page.locator('[id="unit_economics.target_margin"]').fill("70 %")
    page.locator('[id="unit_economics.economics_confidence"]').select_option("medium")
    page.get_by_role("button", name="Gross margin").click()
    page.get_by_label("Customer satisfaction").check()
    page.get_by_role("button", name="Save unit").click()
    expect(page.locator(".flash")).to_be_visible()  # whether the draft had saved itself before or not


def submit_the_units(page: Page, cycle_id: str) -> None:
    page.goto(f"/cycles/{cycle_id}/value-units/submit")
    page.locator("footer.next button.primary").click()
    page.wait_for_url("**/configs/new*")


def create_the_config(page: Page) -> str:
    """A production config of stage learning; returns its id."""
    page.get_by_label("Segment").select_option("ai_video_smb")
    page.get_by_label("Learning:").check()
    page.get_by_label("Production:").check()
    page.get_by_role("button", name="Create and continue to pools").click()
    page.wait_for_url("**/pools*")
    return page.url.split("/configs/")[1].split("/")[0]


def fill_the_pools(page: Page) -> None:
    """A pool and the price book that bills it."""
    fill_one_pool(page)
    page.get_by_label("Price book").fill("usd_2026_01")
    page.get_by_role("button", name="Continue to price plan").click()
    page.wait_for_url("**/price-plan*")
    page.get_by_role("button", name="Continue to exploration").click()
    page.wait_for_url("**/exploration*")


def fill_one_pool(page: Page) -> None:
    """Of the two pools that the stage suggests, keep the first: ten minutes, then paid."""
    include_ten_minutes(page)
    page.get_by_role("button", name="Remove").nth(1).click()


def include_ten_minutes(page: Page) -> None:
    page.get_by_label("Value unit").first.select_option(label=_option(page, "Rendered minute"))
    page.get_by_label("Included").first.fill("10")


def leave_exploration_off(page: Page) -> None:
    page.get_by_label("Subsidise exploration").uncheck()
    page.get_by_role("button", name="Continue to rails").click()
    page.wait_for_url("**/rails*")


def set_the_rails(page: Page) -> None:
    page.get_by_role("textbox", name="Monthly spend cap").fill("1,000")
    page.get_by_label("At the cap").select_option("require_approval")
    page.get_by_role("textbox", name="Margin floor").fill("40 %")
    page.get_by_role("button", name="Continue to simulate").click()
    page.wait_for_url("**/simulate*")


def simulate(page: Page) -> None:
    page.get_by_label("Mocked:").check()
    page.get_by_role("button", name="Simulate", exact=True).click()
    page.wait_for_url("**/review*", timeout=60_000)


def approve(page: Page) -> None:
    page.get_by_role("link", name="Continue to approval").click()
    page.wait_for_url("**/approve*")
    page.get_by_label("Approver name").fill("Theresa")
    page.get_by_label("Approver role").fill("CEO")
    page.get_by_label("Rationale").fill("Minutes are paid from the first one, and the margin holds.")
    page.locator("footer.next button.primary").click()
    expect(page.get_by_text("active").first).to_be_visible()


def _option(page: Page, text: str) -> str:
    """The whole label of the picker's option that begins with the text."""
    labels = page.get_by_label("Value unit").first.locator("option").all_inner_texts()
    return next(label for label in labels if label.strip().startswith(text))
