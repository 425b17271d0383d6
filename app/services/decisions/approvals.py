"""The approver's page: what it shows of a config, and the guard that only what was shown is approved (spec 7, flow 5A).

Time passes between looking at a page and deciding. `Shown` keeps what the page showed; under the subject's lock the
decision is refused when something else would happen now.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from app.actor import Actor
from app.errors import Conflict, refused
from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS, ConfigVersion
from app.models.decision_record import DecisionRecord, DecisionRow
from app.services.configs.diffs import changes
from app.services.configs.lookup import active_config, called, locked
from app.services.configs.reading import ConfigReading, read_config
from app.services.configs.rows import RunRow
from app.services.configs.terms_start import usual_terms_start
from app.services.decisions import activation, rescheduling, schedule
from app.services.decisions.schedule import Scheduled
from app.services.simulations.usage_facts import findings_with_usage
from app.services.usage.store import EventStore
from app.services.wording.changes import names_of
from app.services.wording.tables import SectionTable, tables
from app.services.wording.words import moment_text, plural
from rules.finding import Finding, Gate
from rules.gate import evaluate
from rules.lifecycle import is_editable
from rules.terms_start import UsualStart
from simulation.canonical import Json

RUNTIME = "/api/runtime/config"


@dataclass(frozen=True)
class Shown:
    """The run and the active version that a page showed; None where it showed that there is none."""

    simulation_run_id: str | None
    baseline_config_version_id: str | None


@dataclass(frozen=True)
class Other:
    """Another version of the subject that waits for its `moment`.

    `replaced` says what a decision for after that moment really replaces, empty when this one is held back anyway.
    `overtaken` says what becomes of it after a decision that takes effect before.
    """

    moment: datetime
    replaced: str
    overtaken: str


@dataclass(frozen=True)
class Proposal:
    """A config beside what is active for its subject: findings, the diff, and in words what activating it would do.

    `at_once` tells it for an activation now, `later` for an `effective_at` in the future. `others` are the subject's
    other versions that wait for their moment, earliest first. `usual_start` is when its terms hold unless the decision
    says otherwise.
    """

    run: RunRow | None
    shown: Shown
    blocking: tuple[Finding, ...]
    advice: tuple[Finding, ...]
    diff: list[SectionTable]
    at_once: tuple[str, ...]
    later: tuple[str, ...]
    others: tuple[Other, ...]
    usual_start: UsualStart


def proposal(
    session: AnySession, config: ConfigVersion, store: EventStore, *, now: datetime, anew: bool = False
) -> Proposal:
    """The proposal of a draft on its latest completed run, of any other version on the run that it was decided on.

    A version that was held back is proposed to be approved `anew` as a draft is. For the advice on a draft the event
    store is read.
    """
    if anew or is_editable(config.status):
        reading = read_config(session, config.config_version_id)
        findings = findings_with_usage(session, store, reading, now=now)
        refusals = tuple(finding for finding in findings if finding.gate is not Gate.ADVISORY)
        advice = tuple(finding for finding in findings if finding.gate is Gate.ADVISORY)
    else:
        reading = schedule.as_decided(session, config.config_version_id)
        refusals, advice = schedule.kept_back(reading.draft()), ()
    active = reading.served.decided if reading.served else {}
    prior = called(session, reading.served.config_version_id) if reading.served else None
    return Proposal(
        run=reading.run,
        shown=Shown(reading.run.simulation_run_id if reading.run else None, _active_id(reading)),
        blocking=refusals,
        advice=advice,
        diff=tables(reading.decided, list(changes(active, reading.decided)), names_of(active, reading.decided)),
        at_once=_at_once(reading, prior),
        later=_later(reading, prior),
        others=tuple(_others(session, reading)),
        usual_start=usual_terms_start(reading, None),
    )


def _others(session: AnySession, reading: ConfigReading) -> Iterator[Other]:
    """The other versions of the subject that wait for their moment, with and without the proposed one before them."""
    if reading.waiting:
        subject, config_version_id = reading.config.subject_resolution, reading.config.config_version_id
        without = schedule.line(session, subject, _active_id(reading), but=config_version_id)
        after_it = schedule.line(session, subject, config_version_id, but=config_version_id)
        for now, then in zip(without, after_it, strict=True):
            yield _other(session, now, then, reading.config.display_name)


def _other(session: AnySession, now: Scheduled, then: Scheduled, proposed: str) -> Other:
    moment, name = now.decision.effective_at, called(session, now.config_version_id)
    takes_over = f"{name} takes over at {moment_text(moment)}"
    replaced_id = now.decision.baseline_config_version_id
    replaces = called(session, replaced_id) if replaced_id else "nothing"
    return Other(
        moment=moment,
        replaced=""
        if now.held_back_by
        else f"{takes_over}: {proposed} replaces it, and the recorded diff compares with it.",
        overtaken=f"{name} was approved to replace {replaces} at {moment_text(moment)}: it is held back then."
        if then.held_back_by
        else f"{takes_over} all the same, in place of {proposed}.",
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
    _require_as_shown(session, config_version_id, shown)
    return activation.rollback(session, config_version_id, approval, actor=actor, now=now)


def move_as_shown(
    session: AnySession,
    config_version_id: str,
    shown: Shown,
    approval: activation.Approval,
    *,
    actor: Actor,
    now: datetime,
) -> DecisionRecord:
    """`rescheduling.reschedule` beside the active version that the page showed."""
    _require_as_shown(session, config_version_id, shown)
    return rescheduling.reschedule(session, config_version_id, approval, actor=actor, now=now)


def runtime_address(subject: Mapping[str, str]) -> str:
    """Where customer apps of the subject read their config."""
    return f"{RUNTIME}?{urlencode({name: subject[name] for name in SUBJECT_FIELDS})}"


def _refuse_unsimulated(reading: ConfigReading) -> None:
    """Refuse what was shown without a run: either a gate still refuses it, or it was simulated since."""
    refusal = f"Config {reading.config.display_name} cannot be approved"
    if blocking := [finding for finding in evaluate(reading.draft()) if finding.gate is not Gate.ADVISORY]:
        raise refused(refusal, blocking)
    raise Conflict(
        f"{refusal} as shown: it was simulated since. Look at the run, then approve.", code="changed_meanwhile"
    )


def _require_as_shown(session: AnySession, config_version_id: str, shown: Shown) -> None:
    """Lock the subject of the config; raise Conflict when another version is active than the page showed."""
    _require_still_active(session, locked(session, config_version_id), shown.baseline_config_version_id)


def _require_still_active(session: AnySession, config: ConfigVersion, shown_id: str | None) -> None:
    active = active_config(session, config.subject_resolution)
    active_id = active.config_version_id if active else None
    if active_id != shown_id:
        raise Conflict(
            f"{active.display_name if active else 'Nothing'} is active for this subject now; this page had shown "
            f"{called(session, shown_id) if shown_id else 'nothing'}. "
            "Look at the changes below, which compare with what is active now, and decide again.",
            code="baseline_not_active",
        )


def _active_id(reading: ConfigReading) -> str | None:
    return reading.served.config_version_id if reading.served else None


def _at_once(reading: ConfigReading, prior: str | None) -> tuple[str, ...]:
    """The sentences for an activation now; `prior` is the name of the version that it replaces."""
    name = reading.config.display_name
    archived = f"; {prior} is archived" if prior else "; nothing was active for this subject before"
    return (
        f"{name} becomes active now{archived}.",
        f"{_billing(reading.document)} effective from now.",
        f"Apps read it at {runtime_address(reading.config.subject_resolution)} from their next request on.",
        "The decision is recorded under your name and stays as it is; correcting it takes another decision.",
    )


def _later(reading: ConfigReading, prior: str | None) -> tuple[str, ...]:
    """The sentences for a scheduled activation; `prior` is the name of the version that is active until then."""
    name = reading.config.display_name
    until = f"{prior} stays active until then" if prior else "nothing is active until then"
    archived = f" and {prior} is archived" if prior else ""
    by_clock = f"that enforce {prior} are told now and switch then by their own clocks; others " if prior else ""
    return (
        f"{name} is approved and can no longer be edited; {until}.",
        f"At that moment every gate is asked again; then {name} becomes active{archived}.",
        f"{_billing(reading.document)} effective from that moment.",
        f"Apps {by_clock}read it at {runtime_address(reading.config.subject_resolution)} from that moment on.",
    )


def _billing(document: Mapping[str, Json]) -> str:
    units, book = document["value_units"], document["rating_agility"]["price_book_ref"]
    return (
        f"A billing patch with {plural(len(units), 'meter')} for price book {book or 'not set'} is kept for export; "
        "no billing system is called. It is"
    )
