"""Takes a picture of every screen for docs/screens: `python -m tests.browser.pictures` (or `make pictures`)."""

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.running import FLAGS, chromium_path, seed_folder, served

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
    "price-plan": f"/configs/{CANDIDATE}/price-plan",
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
}
WIDTHS = {"": 1440, "-phone": 400}


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
                take(page, site.address + SCREENS[name], name + suffix, WIDTHS["-phone" if given.phone else ""])
                print(f"docs/screens/{name}{suffix}.png")
        browser.close()


if __name__ == "__main__":
    main()
