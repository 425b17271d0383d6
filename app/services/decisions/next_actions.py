"""Next actions for a decision, from its outcome and from its evidence (spec 7, flow 6B). Pure."""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from app.services.evidence.advice import missing_actions
from app.services.evidence.comparison import Evidence
from rules.navigator import RecommendedAction
from rules.wording import listed

SURPRISES = {
    "more_than_forecast": "find out what the app counts before trusting the next simulation",
    "less_than_forecast": "check that the app reports everything",
}


def next_actions(
    outcome_pill: str,
    config_version_id: str,
    evidence: Evidence,
    recommended: Iterable[RecommendedAction],
    drifts: Iterable[RecommendedAction] = (),
) -> list[RecommendedAction]:
    """Surprises first, then the changes they suggest (`drifts`), gaps in the evidence, what the outcome asks for, and
    the Navigator's advice while the version is active; each once."""
    own = (
        *_surprises(evidence),
        *drifts,
        *missing_actions(evidence.reporters),
        *_for_outcome(outcome_pill, config_version_id, evidence),
    )
    return list(dict.fromkeys((*own, *(recommended if outcome_pill == "active" else ()))))


def _surprises(evidence: Evidence) -> Iterator[RecommendedAction]:
    """One for all event types that surprise in the same direction."""
    for verdict, advice in SURPRISES.items():
        surprises = [
            f"{row.event_type.replace('_', ' ')} ({row.customers_in_window} customers instead of "
            f"{row.forecast_customers})"
            for row in evidence.by_event_type
            if row.verdict == verdict
        ]
        if surprises:
            yield RecommendedAction(verdict, f"{advice}: {listed(surprises)}", "#evidence")


def _for_outcome(outcome_pill: str, config_version_id: str, evidence: Evidence) -> Iterator[RecommendedAction]:
    approve = f"/configs/{quote(config_version_id, safe='')}/approve"
    match outcome_pill:
        case "scheduled":
            yield RecommendedAction("scheduled", "see when it becomes active, and what holds it back", approve)
        case "held_back":
            yield RecommendedAction("held_back", "move it, withdraw it, or approve it anew", f"{approve}#scheduled")
        case "withdrawn":
            yield RecommendedAction("withdrawn", "go on with its version, which became a draft again", approve)
        case "active" if evidence.forecast_days and evidence.observed_days >= evidence.forecast_days:
            text = (
                f"fork it and simulate again: the {evidence.forecast_days} days that were forecast have passed, "
                f"{evidence.observed_days} are in force"
            )
            yield RecommendedAction("forecast_passed", text, "#fork")
        case "active" if not evidence.events:
            text = "check that the app reports enforcement events: none has come yet"
            yield RecommendedAction("no_evidence", text, "#evidence")
        case "rolled_back":
            yield RecommendedAction("rolled_back", "fork it and fix what it was rolled back for", "#fork")
        case "archived":
            yield RecommendedAction("archived", "roll back to it if it was better", f"{approve}#rollback")
