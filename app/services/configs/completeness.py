"""How complete a config is, in the one shape that answers, runs and screens share (spec 3)."""

from collections.abc import Sequence
from typing import TypedDict

from rules.finding import Finding
from rules.gate import completeness_pill, next_missing_item


class Completeness(TypedDict):
    """The pill, the first finding that blocks (None when nothing does), and all findings in the order of the rules."""

    pill: str
    next_missing_item: dict[str, object] | None
    findings: list[dict[str, object]]


def completeness(findings: Sequence[Finding]) -> Completeness:
    """The completeness that the findings of a gate evaluation amount to."""
    item = next_missing_item(findings)
    return {
        "pill": completeness_pill(findings).value,
        "next_missing_item": None if item is None else item.as_dict(),
        "findings": [finding.as_dict() for finding in findings],
    }
