"""Takes a picture of every screen for docs/screens: `python -m tests.browser.pictures` (or `make pictures`)."""

import argparse
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from app import clock
from app.actor import SYSTEM
from app.models.base import db
from app.models.transactions import write
from app.services.authoring import config_parts
from tests.browser.running import FLAGS, Site, chromium_path, seed_folder, served

OUT = Path(__file__).resolve().parents[2] / "docs" / "screens"
CYCLE, CANDIDATE = "cycle_2026_growth_prod_90d", "cfg_growth_smb_learning_prod_v3_candidate"
DECISION = "/decision-log/dec_growth_smb_v2"
COMPARED = "/decision-log/compare?left=dec_growth_smb_v1&right=dec_growth_smb_v2"
SCREENS = {
    "home": "/?workspace=ws_2049",
    "setup-workspace": "/setup/workspace",
    "setup-data-mode": "/setup/data-mode",
    "context": "/cycles/new/context",
    "north-star": f"/cycles/new/north-star?cycle={CYCLE}",
    "value-units": f"/cycles/{CYCLE}/value-units",
    "value-units-submit": f"/cycles/{CYCLE}/value-units/submit",
    "config-new": f"/cycles/{CYCLE}/configs/new",
    "pools": f"/configs/{CANDIDATE}/pools",
    "exploration": f"/configs/{CANDIDATE}/exploration",
    "rails": f"/configs/{CANDIDATE}/rails",
    "simulate": f"/configs/{CANDIDATE}/simulate",
    "review": f"/configs/{CANDIDATE}/review",
    "approve": f"/configs/{CANDIDATE}/approve",
    "decision-log": "/decision-log",
    "decision-detail": DECISION,
    "decision-compare": COMPARED,
    "catalogs": "/catalogs",
    "cycles": "/cycles",
    "configs": "/configs",
    "usage": "/usage",
    "data": "/admin/configs/",
    "price-plan": f"/configs/{CANDIDATE}/price-plan",
}
PLAN: dict[str, Any] = {
    "platform_fee_usd": 49,
    "unit_prices": [
        {
            "value_unit_id": "vu_growth_hd_minute",
            "model": "graduated",
            "tiers": [
                {"up_to": 100, "unit_price_usd": Decimal("0.5")},
                {"up_to": 1000, "unit_price_usd": Decimal("0.4")},
                {"up_to": None, "unit_price_usd": Decimal("0.3")},
            ],
        }
    ],
    "overrides": [{"customer_id": "cust_3196", "platform_fee_usd": 0, "minimum_commit_usd": 500}],
}
"""The plan in the picture of its screen, which is taken last: the candidate of the other pictures has none."""
WIDTHS = {"": 1440, "-phone": 400}


def sell(site: Site) -> None:
    """Give the candidate the plan."""
    with site.app.app_context(), write(db.session):
        config_parts.put_price_plan(db.session, CANDIDATE, PLAN, actor=SYSTEM, now=clock.now())


def take(page: Page, address: str, name: str, width: int) -> None:
    """The whole page in one picture: the window is made as tall as the page, so that nothing sticks halfway."""
    page.set_viewport_size({"width": width, "height": 900})
    answer = page.goto(address)
    assert answer is not None
    assert answer.ok, f"{address}: {answer.status}"
    page.wait_for_load_state("networkidle")
    height = min(int(page.evaluate("document.documentElement.scrollHeight")), 4000)
    page.set_viewport_size({"width": width, "height": max(900, height)})
    page.wait_for_timeout(200)
    page.screenshot(path=OUT / f"{name}.png")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("names", nargs="*", help="only these screens")
    options.add_argument("--dark", action="store_true")
    options.add_argument("--phone", action="store_true")
    given = options.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    path = chromium_path()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        seed_folder(Path(folder))
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        with served(Path(folder)) as site:
            page = browser.new_page(color_scheme="dark" if given.dark else "light", reduced_motion="reduce")
            page.goto(site.address + "/?workspace=ws_2049")
            suffix = ("-dark" if given.dark else "") + ("-phone" if given.phone else "")
            for name in given.names or SCREENS:
                if name == "price-plan":
                    sell(site)
                take(page, site.address + SCREENS[name], name + suffix, WIDTHS["-phone" if given.phone else ""])
                print(f"docs/screens/{name}{suffix}.png")
        browser.close()


if __name__ == "__main__":
    main()
