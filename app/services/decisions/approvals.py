"""What an approver is shown, and that nothing else is approved than what was shown (spec 7, flow 5A).

A page stands for a while between looking and deciding. `Shown` pins what it showed; under the subject's lock the act is
refused when that is no longer what would happen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from app.actor import Actor
from app.errors import Conflict, refused
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import DecisionRow
from app.services.configs import lookup
from app.services.configs.diffs import changes
from app.services.configs.lookup import active_config, locked
from app.services.configs.reading import ConfigReading, read_config
from app.services.configs.rows import RunRow
from app.services.decisions import activation
from app.services.wording.changes import names_of
from app.services.wording.tables import SectionTable, tables
from app.services.wording.words import plural
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.lifecycle import is_editable

Json = Any
RUNTIME = "/api/runtime/config"


@dataclass(frozen=True)
class Shown:
    """The run and the active version that a page showed; None where it showed that there is none."""

    simulation_run_id: str | None
    baseline_config_version_id: str | None


@dataclass(frozen=True)
class Proposal:
    """A config beside what is active for its subject: findings, the diff, and in words what activating it would do.

    `at_once` says it for now, `later` for an `effective_at` that is still ahead.
    """

    run: RunRow | None
    shown: Shown
    blocking: tuple[Finding, ...]
    advice: tuple[Finding, ...]
    diff: list[SectionTable]
    at_once: tuple[str, ...]
    later: tuple[str, ...]


def proposal(session: AnySession, config: ConfigVersion) -> Proposal:
    """Of a draft on its latest completed run; of an archived version on the run that it was decided on."""
    if is_editable(config.status):
        seen = read_config(session, config.config_version_id)
        findings = evaluate(seen.draft())
        blocking = tuple(finding for finding in findings if finding.gate is not Gate.ADVISORY)
        advice = tuple(finding for finding in findings if finding.gate is Gate.ADVISORY)
    else:
        decided_on = lookup.newest_decision(session, config.config_version_id).simulation_run_id
        seen = read_config(session, config.config_version_id, simulation_run_id=decided_on)
        blocking, advice = activation.held_back(session, config.config_version_id), ()
    active = seen.served.decided if seen.served else {}
    return Proposal(
        run=seen.run,
        shown=Shown(seen.run and seen.run.simulation_run_id, seen.served and seen.served.config_version_id),
        blocking=blocking,
        advice=advice,
        diff=tables(seen.decided, list(changes(active, seen.decided)), names_of(active, seen.decided)),
        at_once=_at_once(seen),
        later=_later(seen),
    )


def approve_as_shown(
    session: AnySession,
    config_version_id: str,
    shown: Shown,
    approval: activation.Approval,
    *,
    actor: Actor,
    now: datetime,
) -> DecisionRow:
    """`activation.approve` of the run and against the active version that the page showed.

    Raises Conflict with every finding of a gate that refuses, and `baseline_not_active` when another version is active.
    """
    config = locked(session, config_version_id)
    if shown.simulation_run_id is None and is_editable(config.status):
        _refuse_unsimulated(read_config(session, config.config_version_id))
    if shown.baseline_config_version_id is None:
        _require_still_active(session, config, None)
    return activation.approve(
        session,
        config_version_id,
        shown.simulation_run_id or "",
        approval,
        actor=actor,
        now=now,
        baseline_config_version_id=shown.baseline_config_version_id,
    )


def roll_back_as_shown(
    session: AnySession,
    config_version_id: str,
    shown: Shown,
    approval: activation.Approval,
    *,
    actor: Actor,
    now: datetime,
) -> DecisionRow:
    """`activation.rollback` in place of the active version that the page showed."""
    config = locked(session, config_version_id)
    _require_still_active(session, config, shown.baseline_config_version_id)
    return activation.rollback(session, config_version_id, approval, actor=actor, now=now)


def runtime_address(subject: Mapping[str, str]) -> str:
    """Where customer apps of the subject read their config."""
    return f"{RUNTIME}?{urlencode({name: subject[name] for name in SUBJECT_FIELDS})}"


def _refuse_unsimulated(seen: ConfigReading) -> None:
    """The page showed no run: either a gate still refuses, or somebody has simulated since."""
    what = f"Config {seen.config.config_version_id} cannot be approved"
    if blocking := [finding for finding in evaluate(seen.draft()) if finding.gate is not Gate.ADVISORY]:
        raise refused(what, blocking)
    raise Conflict(f"{what} as shown: it was simulated since. Look at the run, then approve.", code="changed_meanwhile")


def _require_still_active(session: AnySession, config: ConfigVersion, shown_id: str | None) -> None:
    active = active_config(session, config.subject_resolution)
    active_id = active and active.config_version_id
    if active_id != shown_id:
        raise Conflict(
            f"{active_id or 'Nothing'} is active for this subject now; this page had shown {shown_id or 'nothing'}. "
            "Look at the changes below, which compare with what is active now, and decide again.",
            code="baseline_not_active",
        )


def _at_once(seen: ConfigReading) -> tuple[str, ...]:
    config_id, prior = seen.config.config_version_id, seen.served and seen.served.config_version_id
    archived = f"; {prior} is archived" if prior else "; nothing was active for this subject before"
    return (
        f"{config_id} becomes active now{archived}.",
        f"{_billing(seen.document)} effective from now.",
        f"Apps read it at {runtime_address(seen.config.subject_resolution)} from their next request on.",
        "The decision is recorded under your name and stays as it is; mending it means another decision.",
    )


def _later(seen: ConfigReading) -> tuple[str, ...]:
    config_id, prior = seen.config.config_version_id, seen.served and seen.served.config_version_id
    until = f"{prior} stays active until then" if prior else "nothing is active until then"
    archived = f" and {prior} is archived" if prior else ""
    told = f"that enforce {prior} are told now and switch at that moment by their own clocks; others " if prior else ""
    return (
        f"{config_id} is approved and can no longer be edited; {until}.",
        f"At that moment every gate is asked again; then {config_id} becomes active{archived}.",
        f"{_billing(seen.document)} effective from that moment.",
        f"Apps {told}read it at {runtime_address(seen.config.subject_resolution)} from that moment on.",
    )


def _billing(document: Mapping[str, Json]) -> str:
    units, book = document["value_units"], document["rating_agility"]["price_book_ref"]
    return (
        f"A billing patch with {plural(len(units), 'meter')} for price book {book or 'not set'} is kept for export; "
        "no billing system is called. It is"
    )
