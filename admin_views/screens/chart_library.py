"""The script of the chart library, which browsers keep: its name has its version."""

from pathlib import Path

from flask import Response, send_from_directory

CHARTS = "plotly-basic-3.7.0.min.js"
CHARTS_KEPT = 365 * 24 * 3600
"""Seconds for which browsers keep the script."""
_FOLDER = Path(__file__).resolve().parents[1] / "static" / "vendor"


def charts_script() -> Response:
    """The answer with the chart library's script."""
    answer = send_from_directory(_FOLDER, CHARTS, mimetype="text/javascript", max_age=CHARTS_KEPT)
    answer.headers["Cache-Control"] = f"public, max-age={CHARTS_KEPT}, immutable"
    return answer
