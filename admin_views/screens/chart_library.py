"""The version and the script of the chart library, read from its installed package."""

from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flask import Response, send_file

from app.errors import NotFound

CHARTS_KEPT = 365 * 24 * 3600
"""Seconds for which browsers keep the script: its address changes with the library's version."""


@cache
def charts_version() -> str:
    """The version of the installed chart library, which its address carries."""
    return version("plotly")


@cache
def _charts_file() -> Path:
    package = find_spec("plotly")
    if package is None or package.origin is None:
        raise NotFound("The chart library is not installed: install this project's dependencies.", code="not_found")
    return Path(package.origin).parent / "package_data" / "plotly.min.js"


def charts_script() -> Response:
    """The answer with the chart library's script, which browsers keep until the version changes."""
    answer = send_file(_charts_file(), mimetype="text/javascript", conditional=True, max_age=CHARTS_KEPT)
    answer.headers["Cache-Control"] = f"public, max-age={CHARTS_KEPT}, immutable"
    return answer
