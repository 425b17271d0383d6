"""What the types of stored documents leave open: the names of components, and members that are closer than `str`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.schemas.problems import FindingAnswer
from api.shapes.decided import Section
from api.shapes.delivered import DecidedContent
from api.shapes.simulated import Risk
from rules.enums import Action, ChangePolicy, OverageBehavior, PriceModel

NAMES: Mapping[str, str] = {
    "Change": "ConfigChange",
    "Comparison": "AmountsComparison",
    "CoveredDocument": "CoveredEvents",
    "DatasetDocument": "SimulationDataset",
    "ExplorationShape": "EnforcedExploration",
    "OutputsDocument": "SimulationOutputs",
    "PatchStep": "JsonPatchStep",
    "PeriodFields": "SimulatedPeriod",
    "PoolShape": "EnforcedPool",
    "Rollover": "PoolRollover",
    "WindowFields": "SimulatedWindow",
}
"""Typed dictionary → the name of its component, where its own name says too little beside the others."""

OPEN = frozenset({"Risk"})
"""The typed dictionaries that have more members than they name, by design and not by growth."""

LACKING = frozenset(
    {
        ("OutputsDocument", "enforcement_forecast"),
        ("OutputsDocument", "unmatched_usage"),
        ("CustomerImpact", "distribution"),
        ("CustomerImpact", "worst_20"),
    }
)
"""(typed dictionary, member) → what stored documents of earlier versions may lack, though it is always made today."""

MEMBERS: Mapping[tuple[str, str], Any] = {
    ("", "action"): Action,
    ("", "at_cap_action"): Action,
    ("", "overage_behavior"): OverageBehavior,
    ("PricePlan", "change_policy"): ChangePolicy,
    ("UnitPrice", "model"): PriceModel,
    ("PeriodFields", "start"): datetime,
    ("PeriodFields", "end"): datetime,
    ("PeriodRow", "start"): datetime,
    ("PeriodRow", "end"): datetime,
    ("WindowFields", "start"): datetime,
    ("", "as_of"): datetime,
    ("", "newest_ts"): datetime,
    ("Change", "section"): Section,
    ("HistoryEntry", "document"): DecidedContent,
    ("OutputsDocument", "blocking_issues"): list[FindingAnswer],
    ("OutputsDocument", "risks"): list[Risk],
    ("OutputsDocument", "data_issues"): list[Risk],
}
"""(typed dictionary, or empty for all; member) → the type that says more than the one where it is made."""
