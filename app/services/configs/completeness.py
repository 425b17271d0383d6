"""How complete a config is, in the one shape that answers, runs and screens share (spec 3)."""

from collections.abc import Sequence
from typing import Any

from app.services.configs.reading import read_config
from rules.finding import Finding
from rules.gate import completeness_pill, evaluate, next_missing_item


def completeness(findings: Sequence[Finding]) -> dict[str, Any]:
    """`{pill, next_missing_item, findings[]}`; the item is null when nothing blocks."""
    item = next_missing_item(findings)
    return {
        "pill": completeness_pill(findings).value,
        "next_missing_item": item and item.as_dict(),
        "findings": [finding.as_dict() for finding in findings],
    }


def completeness_of(session: Any, config_version_id: str) -> dict[str, Any]:
    """The same for a stored config, judged with its latest completed run."""
    return completeness(evaluate(read_config(session, config_version_id).draft()))
