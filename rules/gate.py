"""The gates: evaluate a draft once, then ask the findings (spec 3)."""

from collections.abc import Iterable

from rules.draft import Draft
from rules.enums import CompletenessStatus, TargetEnvironment
from rules.finding import Finding, Gate
from rules.readable import CODE as UNREADABLE
from rules.registry import EVERYWHERE, RULES
from rules.simulation_run import ABOUT_THE_RUN


def evaluate(draft: Draft) -> tuple[Finding, ...]:
    """The findings in the fixed order of spec 3, within a rule by pool position, unit and field. Never raises.

    Whether apps read the document is asked once it can be simulated: before, other rules say what it lacks.
    """
    production = draft.config.target_environment == TargetEnvironment.PRODUCTION
    findings = tuple(finding for rule in (RULES if production else EVERYWHERE) for finding in rule.check(draft))
    if draft.unreadable and blocks_simulation(findings):
        return tuple(finding for finding in findings if finding.code != UNREADABLE)
    return findings


def blocks_simulation(findings: Iterable[Finding]) -> bool:
    """Whether the simulation gate fails."""
    return any(finding.gate is Gate.SIMULATE for finding in findings)


def blocks_approval(findings: Iterable[Finding]) -> bool:
    """Whether the approve gate fails; a finding that holds back simulation holds back approval too."""
    return any(finding.gate is not Gate.ADVISORY for finding in findings)


def completeness_pill(findings: Iterable[Finding]) -> CompletenessStatus:
    """red: the simulation gate fails; amber: only the approve gate does; green: it passes, whatever is advised."""
    gates = {finding.gate for finding in findings}
    if Gate.SIMULATE in gates:
        return CompletenessStatus.RED
    return CompletenessStatus.AMBER if Gate.APPROVE in gates else CompletenessStatus.GREEN


def next_missing_item(findings: Iterable[Finding]) -> Finding | None:
    """The first finding that blocks, None when nothing does."""
    return next((finding for finding in findings if finding.gate is not Gate.ADVISORY), None)


def blocking_issues_for_simulation(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The entries of `outputs.blocking_issues`: the approve gate's findings, but for those about a run (spec 4.3)."""
    return tuple(finding for finding in findings if finding.gate is Gate.APPROVE and finding.code not in ABOUT_THE_RUN)
