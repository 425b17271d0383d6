"""The catalogs in a browser: copy with confirmation, the side panel, and the way into authoring and back."""

from collections.abc import Callable

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
