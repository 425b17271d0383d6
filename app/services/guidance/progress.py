"""Progress of a config, step by step: the strip on top of every screen (spec 7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import sqlalchemy as sa

from app.models.base import AnySession
from app.models.config_version import ConfigVersion
from app.models.cycle import Cycle
from app.models.value_unit import ValueUnitDefinition
from app.services.authoring.unit_snapshots import snapshot_changes
from app.services.configs.documents import frozen_unit
from app.services.configs.lookup import latest_snapshot
from app.services.decisions.log import standing
from rules.draft import Draft
from rules.enums import ConfigStatus
from rules.finding import Finding, Gate

DONE, ATTENTION, TODO = "done", "attention", "todo"
NOT_STARTED = "not started"


@dataclass(frozen=True)
class Step:
    """One step: `state` is done, attention (begun, and something is wrong) or todo; `note` is the state in words.

    `href` is None while the step cannot be taken.
    """

    name: str
    state: str
    note: str
    href: str | None


def steps(
    session: AnySession, cycle: Cycle | None, config: ConfigVersion | None, draft: Draft, findings: Sequence[Finding]
) -> list[Step]:
    """Cycle → Units → Config → Sim → Approve, for the cycle and the config that a screen is about.

    `draft` is what the rules read of both, `findings` what they reported.
    """
    return [
        _cycle_step(cycle, findings),
        _units_step(session, cycle, findings),
        _config_step(cycle, config, findings),
        _simulation_step(config, draft, findings),
        _approve_step(config, findings),
    ]


def first_steps() -> list[Step]:
    """The steps before there is a workspace: none can be taken."""
    return [Step(name, TODO, NOT_STARTED, None) for name in ("Cycle", "Units", "Config", "Sim", "Approve")]


def _cycle_step(cycle: Cycle | None, findings: Sequence[Finding]) -> Step:
    if cycle is None:
        return Step("Cycle", TODO, NOT_STARTED, "/cycles/new/context")
    missing = _count_blocking(findings, "cycle")
    here = f"/cycles/new/north-star?cycle={quote(cycle.cycle_id, safe='')}"
    return Step("Cycle", ATTENTION, f"{missing} missing", here) if missing else Step("Cycle", DONE, "done", here)


def _units_step(session: AnySession, cycle: Cycle | None, findings: Sequence[Finding]) -> Step:
    if cycle is None:
        return Step("Units", TODO, NOT_STARTED, None)
    here = f"/cycles/{quote(cycle.cycle_id, safe='')}/value-units"
    units = session.scalars(
        sa.select(ValueUnitDefinition).filter_by(cycle_id=cycle.cycle_id).order_by(ValueUnitDefinition.value_unit_id)
    ).all()
    if not units:
        return Step("Units", TODO, NOT_STARTED, here)
    snapshot = latest_snapshot(session, cycle.cycle_id)
    if snapshot is None:
        return Step("Units", ATTENTION, "not submitted", here)
    if any(snapshot_changes(snapshot, [frozen_unit(unit) for unit in units])):
        return Step("Units", ATTENTION, "changed since submitted", here)
    if missing := _count_blocking(findings, "value_unit"):
        return Step("Units", ATTENTION, f"{missing} missing", here)
    return Step("Units", DONE, f"snapshot {snapshot.snapshot_version}", here)


def _config_step(cycle: Cycle | None, config: ConfigVersion | None, findings: Sequence[Finding]) -> Step:
    if config is None:
        here = None if cycle is None else f"/cycles/{quote(cycle.cycle_id, safe='')}/configs/new"
        return Step("Config", TODO, NOT_STARTED, here)
    missing = _count_blocking(findings, "config_version", "pool")
    here = f"{_base(config)}/pools"
    return Step("Config", ATTENTION, f"{missing} missing", here) if missing else Step("Config", DONE, "done", here)


def _simulation_step(config: ConfigVersion | None, draft: Draft, findings: Sequence[Finding]) -> Step:
    if config is None:
        return Step("Sim", TODO, NOT_STARTED, None)
    if draft.simulation is None:
        return Step("Sim", TODO, NOT_STARTED, f"{_base(config)}/simulate")
    of_run = [finding for finding in findings if finding.entity.type == "simulation_run"]
    if of_run and config.status in (ConfigStatus.DRAFT, ConfigStatus.SIMULATED):
        stale = any(finding.code == "simulation_stale" for finding in of_run)
        return Step("Sim", ATTENTION, "stale" if stale else "look again", f"{_base(config)}/simulate")
    return Step("Sim", DONE, "done", f"{_base(config)}/review")


def _approve_step(config: ConfigVersion | None, findings: Sequence[Finding]) -> Step:
    if config is None:
        return Step("Approve", TODO, NOT_STARTED, None)
    here = f"{_base(config)}/approve"
    if config.status in (ConfigStatus.APPROVED, ConfigStatus.ACTIVE, ConfigStatus.ARCHIVED):
        state = standing(config)
        return Step("Approve", ATTENTION if state == "held_back" else DONE, state.replace("_", " "), here)
    held = any(finding.gate is not Gate.ADVISORY for finding in findings)
    return Step("Approve", TODO, "held back" if held else "ready", here)


def _count_blocking(findings: Sequence[Finding], *kinds: str) -> int:
    return sum(finding.gate is not Gate.ADVISORY and finding.entity.type in kinds for finding in findings)


def _base(config: ConfigVersion) -> str:
    return f"/configs/{quote(config.config_version_id, safe='')}"
