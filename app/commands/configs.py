"""`avs check`, `simulate`, `approve`, `reschedule`, `withdraw` and `activate-due`: on the way to an active config."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import click

from app import clock
from app.commands.command import MOMENT, OPERATOR, as_json, command, show
from app.extensions import usage_events
from app.models.base import db
from app.models.decision_record import AnyDecision
from app.models.transactions import write
from app.services.configs.completeness import completeness
from app.services.configs.lookup import get_config
from app.services.configs.reading import read_config
from app.services.decisions import activation, rescheduling
from app.services.decisions.schedule import Scheduled, waiting_for
from app.services.simulations import runs
from app.services.simulations.review_tables import margin_change, margin_of
from app.services.simulations.usage_facts import findings_with_usage
from rules.enums import CompletenessStatus, HistoricalWindow, PricingMode, TermsStart


@command()
@click.argument("config_version_id")
@as_json
def check(config_version_id: str, as_json: bool) -> None:
    """Evaluate every rule for a config; exit status 1 when a gate blocks it."""
    reading = read_config(db.session, config_version_id)
    found = completeness(findings_with_usage(db.session, usage_events().store, reading, now=clock.now()))
    lines = [f"{config_version_id} is {found['pill']}."]
    lines += [f"  [{item['gate']}] {item['code']}: {item['message']}" for item in found["findings"]]
    show(found, as_json, lines)
    if found["pill"] != CompletenessStatus.GREEN.value:
        raise SystemExit(1)


@command()
@click.argument("config_version_id")
@click.option("--window", type=click.Choice([item.value for item in HistoricalWindow]), default="90", show_default=True)
@click.option("--baseline", help="A config version, or 'none'; the subject's active one when left out.")
@click.option("--pricing-mode", type=click.Choice([item.value for item in PricingMode]), default="use_unit_economics")
@click.option("--all-segments", is_flag=True, help="Count usage of every segment, not only the config's.")
@click.option("--without-exploration", is_flag=True, help="Leave exploration pools out of the results.")
@click.option("--as-of", type=MOMENT, help="End of the window; the newest event when left out.")
@as_json
def simulate(config_version_id: str, baseline: str | None, all_segments: bool, as_json: bool, **options: Any) -> None:
    """Replay usage through a candidate config and keep the run."""
    config = get_config(db.session, config_version_id)
    inputs = {
        "historical_window_days": options["window"],
        "filters": {"segment": None} if all_segments else {},
        "pricing_mode": options["pricing_mode"],
        "include_exploration_in_results": not options["without_exploration"],
        "as_of": options["as_of"],
    }
    if baseline is not None:
        inputs["baseline_config_version_id"] = None if baseline == "none" else baseline
    request = runs.request_from(inputs, config)
    run = runs.simulate(db.session, usage_events(), request, actor=OPERATOR, now=clock.now())
    document = {"simulation_run_id": run.simulation_run_id, "inputs": run.inputs, "outputs": run.outputs}
    show(document, as_json, [run.simulation_run_id, *_economics(run.outputs or {})])


def _economics(outputs: Any) -> list[str]:
    sides = outputs["economics"]
    margins = {name: margin_of(sides[name]) for name in ("candidate", "baseline")} | {"delta": margin_change(sides)}
    lines = [
        f"  {name:<9} revenue {side['revenue_usd']}  cost {side['cost_usd']}  margin {margin}"
        for name, margin in margins.items()
        if (side := sides.get(name))
    ]
    lines += [f"  data: {issue['code']}: {issue['name']}: {issue['detail']}" for issue in outputs["data_issues"]]
    lines += [f"  risk: {risk['code']}: {risk['detail']}" for risk in outputs["risks"]]
    return lines + [f"  blocking: {issue['code']}: {issue['message']}" for issue in outputs["blocking_issues"]]


def _decision(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every decision: who takes it, in which role, and why."""
    for option in (
        click.option("--rationale", required=True, help="Why; the decision log keeps it."),
        click.option("--role", required=True, help="Role of that person."),
        click.option("--approver", required=True, help="Name of the person who decides."),
    ):
        function = option(function)
    return function


OVER_NEWER = click.option(
    "--over-newer", is_flag=True, help="Take effect even if another version has become active by then."
)


@command()
@click.argument("config_version_id")
@click.argument("simulation_run_id")
@_decision
@click.option("--effective-at", type=MOMENT, help="When it takes effect; now when left out or past.")
@OVER_NEWER
@click.option(
    "--terms-start",
    type=click.Choice([item.value for item in TermsStart]),
    help="Whether it then holds for the whole running period of customers, shared out by days, or from their next one; "
    "left out, as the change policy of the price plan in force says, else at once.",
)
@as_json
def approve(
    config_version_id: str,
    simulation_run_id: str,
    approver: str,
    role: str,
    rationale: str,
    effective_at: datetime | None,
    over_newer: bool,
    terms_start: str | None,
    as_json: bool,
) -> None:
    """Approve a candidate: it becomes active, and the prior version is archived."""
    start = TermsStart(terms_start) if terms_start else None
    approval = activation.Approval(approver, role, rationale, effective_at, start, over_newer)
    with write(db.session):
        decision = activation.approve(
            db.session, config_version_id, simulation_run_id, approval, actor=OPERATOR, now=clock.now()
        )
    _show_decision(decision, f"takes effect at {_moment(decision.effective_at)}", as_json)


@command()
@click.argument("config_version_id")
@_decision
@click.option("--effective-at", type=MOMENT, help="The new moment; now when left out or past.")
@OVER_NEWER
@as_json
def reschedule(
    config_version_id: str,
    approver: str,
    role: str,
    rationale: str,
    effective_at: datetime | None,
    over_newer: bool,
    as_json: bool,
) -> None:
    """Move a decision that is scheduled or held back to another moment."""
    by = activation.Approval(approver, role, rationale, effective_at, activate_over_newer=over_newer)
    with write(db.session):
        decision = rescheduling.reschedule(db.session, config_version_id, by, actor=OPERATOR, now=clock.now())
    _show_decision(decision, f"takes effect at {_moment(decision.effective_at)}", as_json)


@command()
@click.argument("config_version_id")
@_decision
@as_json
def withdraw(config_version_id: str, approver: str, role: str, rationale: str, as_json: bool) -> None:
    """Take back a decision that is scheduled or held back; its version is a draft again."""
    by = activation.Approval(approver, role, rationale)
    with write(db.session):
        decision = rescheduling.withdraw(db.session, config_version_id, by, actor=OPERATOR, now=clock.now())
    _show_decision(decision, "is withdrawn and can be edited again", as_json)


def _show_decision(decision: AnyDecision, outcome: str, as_json: bool) -> None:
    """The decision and what else waits for its subject."""
    config_version_id = decision.config_version_id
    others = [
        item
        for item in waiting_for(db.session, decision.subject_resolution)
        if item.config_version_id != config_version_id
    ]
    document = {
        "decision_id": decision.decision_id,
        "config_version_id": config_version_id,
        "diff": decision.diff,
        "scheduled": [{"config_version_id": item.config_version_id, "effective_at": item.moment} for item in others],
    }
    lines = [f"{decision.decision_id}: {config_version_id} {outcome}."]
    show(document, as_json, lines + [line for item in others for line in _waits(item)])


def _waits(item: Scheduled) -> Iterator[str]:
    when = f"is scheduled for {_moment(item.moment)}" if item.moment else "is held back"
    yield f"  Version {item.version} ({item.config_version_id}) {when}."
    yield from (f"    {finding.code}: {finding.message}" for finding in item.held_back_by)


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M UTC")


@command("activate-due")
@as_json
def activate_due(as_json: bool) -> None:
    """Promote approved configs whose effective_at has come."""
    with write(db.session):
        ids = activation.activate_due(db.session, now=clock.now())
    show({"activated": ids}, as_json, [f"activated {item}" for item in ids] or ["Nothing is due."])
