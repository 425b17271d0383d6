"""Rules about what a pooled value unit is for, and how complete a unit is (spec 3)."""

from collections.abc import Iterator
from dataclasses import dataclass

from rules.draft import Draft, ValueUnit, filled, is_filled, pooled_units
from rules.economics import missing_economics
from rules.enums import CompletenessStatus, UnitType
from rules.event_mapping import missing_mapping_parts
from rules.finding import Finding, Gate
from rules.places import at_unit
from rules.wording import labelled, listed, pick, this_unit

RED_WITHOUT = frozenset({"event_mapping", "outcome_statement"})


@dataclass(frozen=True, slots=True)
class UnitCompleteness:
    """A unit's `completeness_status` and the canonical names of the fields it still lacks."""

    status: CompletenessStatus
    missing: tuple[str, ...]


def value_unit_completeness(unit: ValueUnit) -> UnitCompleteness:
    """green: nothing is missing; red: event_mapping or outcome_statement is; amber: something else (spec 3)."""
    lacks = {
        "event_mapping": bool(missing_mapping_parts(unit)),
        "outcome_statement": not is_filled(unit.outcome_statement),
        "metrics_intent": not intended_metrics(unit),
        "unit_economics": bool(missing_economics(unit)),
        "quality_signal_source": not filled(unit.quality_signal_source),
    }
    missing = tuple(name for name, absent in lacks.items() if absent)
    if not missing:
        return UnitCompleteness(CompletenessStatus.GREEN, missing)
    red = RED_WITHOUT.intersection(missing)
    return UnitCompleteness(CompletenessStatus.RED if red else CompletenessStatus.AMBER, missing)


def intended_metrics(unit: ValueUnit) -> tuple[str, ...]:
    """The metric ids in the unit's metrics_intent."""
    return filled(tuple(intent.metric_id or "" for intent in unit.metrics_intent))


def production_units_state_an_outcome(draft: Draft) -> Iterator[Finding]:
    """An outcome statement says in words what the customer gets (production gate)."""
    for unit in pooled_units(draft):
        if not is_filled(unit.outcome_statement):
            message = f"{this_unit(unit)} has no outcome statement. Say what the customer gets."
            place = at_unit(draft, unit, "outcome_statement")
            yield Finding("unit_outcome_statement_missing", Gate.APPROVE, message, *place)


def production_units_intend_a_metric(draft: Draft) -> Iterator[Finding]:
    """A unit names the metric that it should move (production gate)."""
    for unit in pooled_units(draft):
        if not intended_metrics(unit):
            known = labelled(draft.catalogs.metric_ids, draft.catalogs.labels)
            choice = pick(known, "Add a metric to the catalog, then pick it.")
            message = f"{this_unit(unit)} does not say which metric it should move. {choice}"
            place = at_unit(draft, unit, "metrics_intent")
            yield Finding("unit_metrics_intent_missing", Gate.APPROVE, message, *place)


def production_units_have_a_quality_signal(draft: Draft) -> Iterator[Finding]:
    """Something has to tell whether the value was real (production gate)."""
    for unit in pooled_units(draft):
        if not filled(unit.quality_signal_source):
            known = labelled(draft.catalogs.signal_ids, draft.catalogs.labels)
            choice = pick(known, "Add a quality signal to the catalog, then pick it.")
            message = f"{this_unit(unit)} has no quality signal. {choice}"
            place = at_unit(draft, unit, "quality_signal_source")
            yield Finding("unit_quality_signal_missing", Gate.APPROVE, message, *place)


def metrics_intent_covers_the_primary_metrics(draft: Draft) -> Iterator[Finding]:
    """Advisory: each primary metric of the cycle deserves an entry, be it `unknown`."""
    for unit in pooled_units(draft):
        intended = intended_metrics(unit)
        silent = [metric for metric in filled(draft.cycle.primary_metrics) if metric not in intended]
        if silent:
            message = (
                f"{this_unit(unit)} does not say what it should do to "
                f"{listed(labelled(silent, draft.catalogs.labels))}. Add the expected effect, or unknown."
            )
            yield Finding("metrics_intent_partial", Gate.ADVISORY, message, *at_unit(draft, unit, "metrics_intent"))


def quality_adjustment_is_advisory(draft: Draft) -> Iterator[Finding]:
    """Advisory: operators expect quality_adjusted_outcome to change the bill, and it does not."""
    for unit in pooled_units(draft):
        if unit.unit_type == UnitType.QUALITY_ADJUSTED_OUTCOME:
            message = (
                f"{this_unit(unit)} is a quality adjusted outcome, but quality is advisory: "
                "metered quantities and bills stay as they are. To meter good ones only, filter its events."
            )
            place = at_unit(draft, unit, "unit_type")
            yield Finding("quality_adjusted_outcome_is_advisory", Gate.ADVISORY, message, *place)
