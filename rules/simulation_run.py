"""Rules about the evidence: the simulation run and the baseline that an approval refers to (spec 3).

A run that has not completed has no outputs, so the rules about outputs wait until it has.
"""

from collections.abc import Iterator

from rules.draft import DatasetChange, Draft, Schedule, SimulationRun, filled
from rules.enums import ConfigStatus, SimulationStatus
from rules.finding import Entity, Finding, Gate
from rules.labels import MISSING
from rules.places import at_blocking_issues, at_config, at_rails, at_simulation, link_to_config
from rules.wording import THE_RUN, THIS_CONFIG, labelled, listed, words

ABOUT_THE_RUN = frozenset(
    {
        "simulation_missing",
        "simulation_not_completed",
        "simulation_not_latest",
        "simulation_stale",
        "simulation_outputs_incomplete",
        "simulation_blocking_issues",
    }
)
"""Codes that a run cannot report about itself; `blocking_issues` leaves them out (spec 4.3)."""


def there_is_a_run(draft: Draft) -> Iterator[Finding]:
    """Nothing is approved without evidence (approve gate)."""
    if draft.simulation is None:
        message = f"{THIS_CONFIG} was not simulated. Simulate it."
        yield Finding("simulation_missing", Gate.APPROVE, message, *at_simulation(draft, "simulation_run_id"))


def the_run_has_completed(draft: Draft) -> Iterator[Finding]:
    """A queued, running or failed run proves nothing (approve gate)."""
    run = draft.simulation
    if run and run.status != SimulationStatus.COMPLETED:
        waiting = run.status in (SimulationStatus.QUEUED, SimulationStatus.RUNNING)
        message = f"{THE_RUN} {_state(run)}. {'Wait for it.' if waiting else 'Simulate again.'}"
        yield Finding("simulation_not_completed", Gate.APPROVE, message, *at_simulation(draft, "status"))


def the_run_is_the_latest(draft: Draft) -> Iterator[Finding]:
    """Nobody may pick the flattering one of several runs, or another config's (approve gate)."""
    run = _completed(draft)
    if run and not run.is_latest_completed:
        message = f"{THE_RUN} is not the newest completed one of this config. Refer to the newest, or simulate again."
        yield Finding("simulation_not_latest", Gate.APPROVE, message, *at_simulation(draft, "simulation_run_id"))


def the_run_saw_this_content(draft: Draft) -> Iterator[Finding]:
    """An edit after the simulation makes its evidence worthless (approve gate)."""
    run = draft.simulation
    if run and (run.candidate_content_hash is None or run.candidate_content_hash != draft.config.content_hash):
        message = f"{THE_RUN} is stale: the content of this config has changed since. Simulate again."
        yield Finding("simulation_stale", Gate.APPROVE, message, *at_simulation(draft, "candidate_content_hash"))


def the_run_reports_every_declared_metric(draft: Draft) -> Iterator[Finding]:
    """Each primary metric of the cycle and each lens of the config has an entry (approve gate)."""
    run = _completed(draft)
    silent = _unreported(draft, run) if run else ()
    if run and silent:
        metrics = listed(labelled(silent, draft.catalogs.labels))
        message = f"{THE_RUN} reports nothing for {metrics}. Simulate again, or stop declaring it."
        yield Finding("simulation_outputs_incomplete", Gate.APPROVE, message, *at_simulation(draft, "outputs"))


def the_run_has_no_blocking_issues(draft: Draft) -> Iterator[Finding]:
    """Issues that held approval back when the run was made have to be mended and simulated again (approve gate)."""
    run = _completed(draft)
    if run and run.blocking_issues:
        issues = listed(MISSING.get(code, words(code)) for code in dict.fromkeys(run.blocking_issues))
        message = f"{THE_RUN} has blocking issues, for want of {issues}. Mend them, then simulate again."
        yield Finding("simulation_blocking_issues", Gate.APPROVE, message, *at_blocking_issues(draft))


def the_baseline_is_the_active_version(draft: Draft) -> Iterator[Finding]:
    """A decision replaces what is active when it takes effect: the baseline that an approval names, or that a version
    approved for later was approved to replace, must be that one (approve gate).

    Without a named baseline an approval takes the active version. A scheduled one may be approved to go in any case.
    """
    baseline, active = draft.requested_baseline_config_version_id, draft.active_config_version_id
    instead = "another one is" if active else "none is"
    place = at_config(draft, "baseline_config_version_id", "approve")
    if baseline is not None and baseline != active:
        message = (
            f"The baseline of this approval is not the active version of its subject; {instead}. "
            "Leave it out, or review again."
        )
        yield Finding("baseline_not_active", Gate.APPROVE, message, *place)
    elif draft.schedule and not draft.schedule.activate_over_newer and _replaces_another(draft.schedule, active):
        replaced = "a version that is not active" if draft.schedule.baseline_config_version_id else "nothing"
        message = (
            f"{THIS_CONFIG} was approved to replace {replaced} at its moment; {instead}. "
            "Move it, withdraw it, or approve it anew."
        )
        yield Finding("baseline_not_active", Gate.APPROVE, message, *place)


def _replaces_another(schedule: Schedule, active: str | None) -> bool:
    return schedule.baseline_config_version_id != active


def no_other_version_waits(draft: Draft) -> Iterator[Finding]:
    """Advisory: another version of the subject is approved for later, or was held back when its moment came.

    Each is a finding of its own: whoever decides about the subject has to know what else was decided for it.
    """
    for waiting in draft.waiting:
        name = f"Version {waiting.version}"
        if waiting.effective_at is None:
            message = f"{name} of this subject is held back. Move it, withdraw it, or approve it anew."
        else:
            moment = waiting.effective_at.strftime("%Y-%m-%d %H:%M UTC")
            message = f"{name} of this subject is scheduled for {moment}. Look whether it should still take effect."
        entity = Entity("config_version", waiting.config_version_id)
        link = link_to_config(waiting.config_version_id, "approve", "scheduled")
        yield Finding("another_version_waits", Gate.ADVISORY, message, "effective_at", entity, link)


def the_run_compared_with_the_active_version(draft: Draft) -> Iterator[Finding]:
    """Advisory. An active config has no other active version to be compared with."""
    run, active = _completed(draft), draft.active_config_version_id
    if run and draft.config.status != ConfigStatus.ACTIVE and run.baseline_config_version_id != active:
        message = f"{THE_RUN} {_compared(run, active)}. Simulate again."
        place = at_simulation(draft, "baseline_config_version_id")
        yield Finding("simulation_baseline_not_active", Gate.ADVISORY, message, *place)


def the_run_read_the_events_of_today(draft: Draft) -> Iterator[Finding]:
    """Advisory: late usage, an undone import, a corrected event or a damaged file changed what the run stands on."""
    run = _completed(draft)
    change = run.dataset_change if run else None
    if run and change and change.status == "changed":
        message = f"The usage behind the simulation has changed since: {changed_events(change)}. Simulate again."
        yield Finding("simulation_dataset_changed", Gate.ADVISORY, message, *at_simulation(draft, "dataset"))
    if run and change and change.problem:
        message = f"Whether the usage behind the simulation has changed cannot be told. {change.problem}"
        yield Finding("simulation_dataset_changed", Gate.ADVISORY, message, *at_simulation(draft, "dataset"))


def changed_events(change: DatasetChange) -> str:
    """How many events a change came to: `+1,204 events, −3 events in its window`."""
    window = _steps(change.added, change.removed)
    before = _steps(change.added_before, change.removed_before)
    places = ((window, "in its window"), (before, "before it"))
    listed_steps = [f"{steps} {place}" for steps, place in places if steps]
    return "; ".join(listed_steps) or "as many events as it read, but not the same ones"


def _steps(added: int, removed: int) -> str:
    signed = ((added, "+"), (removed, "−"))
    return ", ".join(f"{sign}{count:,} event{'' if count == 1 else 's'}" for count, sign in signed if count)


def the_simulated_margin_keeps_the_floor(draft: Draft) -> Iterator[Finding]:
    """Advisory: the run has the risk margin_floor_violated."""
    for detail in _risks(draft, "margin_floor_violated"):
        message = f"{THE_RUN} falls below the margin floor.{detail} Raise the price, include less, or lower the floor."
        yield Finding("margin_below_floor_in_simulation", Gate.ADVISORY, message, *at_rails(draft, "margin_floor"))


def simulated_spend_keeps_the_cap(draft: Draft) -> Iterator[Finding]:
    """Advisory: customers were billed above the cap, or cost more than it to serve; each is a finding of its own."""
    for code, what in _CAP_RISKS.items():
        for detail in _risks(draft, code):
            message = f"{THE_RUN} has {what} above the monthly spend cap.{detail} Tighten the rails, or raise the cap."
            place = at_rails(draft, "monthly_spend_cap_usd")
            yield Finding("spend_cap_exceeded_in_simulation", Gate.ADVISORY, message, *place)


_CAP_RISKS = {"spend_cap_exceeded": "billed spend", "cost_over_spend_cap": "cost to serve"}


def _completed(draft: Draft) -> SimulationRun | None:
    run = draft.simulation
    return run if run and run.status == SimulationStatus.COMPLETED else None


def _compared(run: SimulationRun, active: str | None) -> str:
    if run.baseline_config_version_id is None:
        return "compared with nothing, but a version is active"
    return "compared with a version that is not the active one" if active else "compared with a version; none is active"


def _state(run: SimulationRun) -> str:
    match run.status:
        case None:
            return "has no status"
        case SimulationStatus.RUNNING:
            return "is still running"
        case SimulationStatus.QUEUED:
            return "is queued"
    return f"has {words(run.status)}"


def _unreported(draft: Draft, run: SimulationRun) -> tuple[str, ...]:
    metrics = [name for name in filled(draft.cycle.primary_metrics) if name not in run.primary_metric_ids]
    lenses = [name for name in filled(draft.config.metric_lenses) if name not in run.lens_metric_ids]
    return tuple(dict.fromkeys(metrics + lenses))


def _risks(draft: Draft, code: str) -> Iterator[str]:
    """What the run says of the risk, at most once: the details' sentences, each after a space."""
    run = _completed(draft)
    risks = [risk for risk in run.risks if risk.code == code] if run else []
    if run and risks:
        details = filled(tuple(risk.detail or "" for risk in risks))
        yield "".join(f" {detail}" for detail in details)
