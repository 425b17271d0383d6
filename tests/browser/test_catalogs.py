"""The catalogs in a browser: copy with confirmation, the side panel, and the way into authoring and back."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

Accessible = Callable[[Page], None]


@pytest.mark.parametrize("tab", ["events", "metrics", "quality-signals", "segments", "customers"])
def test_every_tab_is_accessible_with_and_without_its_panel(page: Page, accessible: Accessible, tab: str) -> None:
    page.goto(f"/catalogs?tab={tab}")
    accessible(page)
    page.locator("th[scope=row] a").first.click()
    expect(page.get_by_role("heading", name="Referenced in")).to_be_visible()
    accessible(page)


def test_copying_an_id_is_confirmed(page: Page) -> None:
    page.goto("/catalogs?tab=metrics")
    button = page.get_by_role("button", name="Copy ID gross_margin")
    button.click()
    expect(button).to_have_text("Copied")
    expect(page.locator("#said")).to_have_text("Copied: gross_margin")


def test_a_picker_leads_into_the_catalog_and_the_catalog_back_into_the_picker(page: Page) -> None:
    page.goto("/cycles/cycle_2026_01_prod_90d/value-units?unit=vu_usable_hd_minute")
    page.get_by_role("link", name="Events in the catalog").click()
    expect(page.locator("#entry-title")).to_have_text("video_render_completed")
    page.locator('.uses a[href*="unit=vu_usable_4k_minute"]').click()
    expect(page.get_by_label("Event", exact=True)).to_be_focused()
    expect(page.locator("#pane-title")).to_have_text("Usable 4K minute")


def test_it_is_usable_on_a_phone(new_page: Callable[..., Page]) -> None:
    page = new_page()
    page.set_viewport_size({"width": 390, "height": 800})
    for address in (
        "/catalogs?tab=events&id=video_render_completed",
        "/cycles/cycle_2026_01_prod_90d/value-units?unit=new",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_metric_of_ones_own_comes_by_a_file_and_is_the_first_to_be_picked(
    page: Page, accessible: Accessible, tmp_path: Path
) -> None:
    file = tmp_path / "our metrics.csv"
    file.write_text("metric_id,label,type\nnps,Promoters,north_star\n")
    page.goto("/setup/workspace")
    page.get_by_label("Workspace name").fill("Own Words")
    page.get_by_label("Founder").check()
    page.get_by_role("button", name="Continue to data").click()
    page.wait_for_url("**/setup/data-mode")
    page.goto("/catalogs?tab=metrics")
    page.get_by_role("link", name="Add metrics").click()
    page.get_by_label("File of metrics").set_input_files(file)
    accessible(page)
    page.get_by_role("button", name="Preview metrics").click()
    page.get_by_role("button", name="Import metrics").click()
    expect(page.locator("main")).to_contain_text("metric nps")
    page.goto("/cycles/new/north-star")
    expect(page.get_by_label("Promoters")).to_be_visible()
    expect(page.get_by_label("Gross margin")).to_be_hidden()
    page.get_by_text("Shared by all workspaces").click()
    expect(page.get_by_label("Gross margin")).to_be_visible()
    accessible(page)
