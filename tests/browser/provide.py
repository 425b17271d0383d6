"""`python -m tests.browser.provide`: gets a browser for the tests, where this machine has none and may have one.

A browser on the PATH, else the one that Playwright downloads, else the distribution's package where root and apt are.
Ends with 0 in any case: without a browser its tests are skipped, and say so.
"""

import os
import shutil
import subprocess
import sys

from tests.browser.running import MISSING, installed_chromium

DOWNLOAD_SECONDS, PACKAGE_SECONDS = 180, 600
DOWNLOAD = (sys.executable, "-m", "playwright", "install", "chromium")
PACKAGE = ("sh", "-c", "apt-get update -qq && apt-get install -y -qq chromium >/dev/null")


def provide() -> bool:
    """Whether there is a browser in the end."""
    return bool(
        installed_chromium()
        or (_done(DOWNLOAD, DOWNLOAD_SECONDS) and installed_chromium())
        or (os.geteuid() == 0 and shutil.which("apt-get") and _done(PACKAGE, PACKAGE_SECONDS) and installed_chromium())
    )


def _done(command: tuple[str, ...], seconds: int) -> bool:
    print("No browser yet:", " ".join(command), flush=True)
    try:
        return subprocess.run(command, timeout=seconds, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


if __name__ == "__main__" and not provide():
    print(f"THE BROWSER TESTS WILL BE SKIPPED. {MISSING}", flush=True)
