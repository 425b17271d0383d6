"""The demo as every test of all pages has it: its screens, and its candidate simulated."""

from collections.abc import Iterator

from app import extensions
from app.models.base import db
from app.services.simulations import runs
from rules.enums import HistoricalWindow
from tests import factories as f

CYCLE, CANDIDATE = "cycle_2026_01_prod_90d", "cfg_smb_learning_prod_v2_candidate"
OF_A_WORKSPACE = (
    "/",
    "/setup/workspace",
    "/setup/data-mode",
    "/cycles/new/context",
    "/cycles/new/north-star",
    "/cycles",
    "/configs",
    "/usage",
    "/decision-log",
    "/decision-log/compare",
)
"""The screens of a workspace, but for the catalogs: these list the words that programs use."""
OF_A_CONFIG = ("pools", "price-plan", "exploration", "rails", "simulate", "review", "approve")


def addresses(cycle_id: str, config_ids: tuple[str, ...], decision_ids: tuple[str, ...]) -> Iterator[str]:
    """Every screen that a workspace has."""
    yield from OF_A_WORKSPACE
    yield f"/cycles/new/north-star?cycle={cycle_id}"
    yield from (f"/cycles/{cycle_id}/{screen}" for screen in ("value-units", "value-units/submit", "configs/new"))
    yield from (f"/configs/{config_id}/{screen}" for config_id in config_ids for screen in OF_A_CONFIG)
    yield from (f"/decision-log/{decision_id}" for decision_id in decision_ids)


def simulate(config_version_id: str) -> str:
    """Simulate over the demo events; the run's id."""
    question = runs.Request(config_version_id, HistoricalWindow.MOCKED, f.SEGMENT)
    run = runs.simulate(db.session, extensions.usage_events(), question, actor=f.OPERATOR, now=f.NOW)
    return str(run.simulation_run_id)
