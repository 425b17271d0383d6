"""Two decisions side by side: what their configs enforce, and the figures of their runs (spec 6 and 7, flow 6C)."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import defer, joinedload

from app.errors import AvsError, FieldError
from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.services.configs.diffs import same, sections
from app.services.configs.lookup import get_decision
from app.services.decisions.content import decided_document
from app.services.decisions.figures import BASIS
from app.services.decisions.log import outcomes
from simulation.canonical import Json, JsonObject

PICKABLE = 200
Cells = dict[tuple[str, str], Json]
"""(item, field) → value: one side of a table."""
Number = int | Decimal


def compared(session: AnySession, decision_id_a: str, decision_id_b: str) -> tuple[DecisionRecord, DecisionRecord]:
    """Both decisions; AvsError `bad_parameters` when they are not of one workspace."""
    a, b = get_decision(session, decision_id_a), get_decision(session, decision_id_b)
    if a.workspace_id != b.workspace_id:
        problem = (
            f"Decision {decision_id_b} belongs to workspace {b.workspace_id}, {decision_id_a} to {a.workspace_id}."
        )
        raise AvsError(problem, code="bad_parameters", errors=[FieldError("decision_id_b", problem)])
    return a, b


def pickable(session: AnySession, workspace_id: str) -> list[tuple[str, str]]:
    """Decisions to choose from, at most `PICKABLE`, newest first: the id, and a label that tells one from another."""
    newest = (
        sa.select(DecisionRecord)
        .filter_by(workspace_id=workspace_id)
        .options(joinedload(DecisionRecord.config_version), defer(DecisionRecord.rationale))
    )
    order = (DecisionRecord.place.desc(), DecisionRecord.decision_id.desc())
    rows = session.scalars(newest.order_by(*order).limit(PICKABLE)).all()
    pills = outcomes(session, rows)
    return [(row.decision_id, _label(row, pill)) for row, pill in zip(rows, pills, strict=True)]


def _label(row: DecisionRecord, outcome_pill: str) -> str:
    subject = " · ".join((row.segment, row.stage, row.target_environment))
    name = row.config_version.config_name or subject
    return f"{row.created_at:%Y-%m-%d} {name} · v{row.config_version.version}, {outcome_pill.replace('_', ' ')}"


def diff_tables(session: AnySession, a: DecisionRecord, b: DecisionRecord) -> dict[str, list[JsonObject]]:
    """Per table the rows `{item, field, a, b, changed}`: every field that either has, None where it is not set.

    There is a table of price plans where either has one.
    """
    before, after = _tables(session, a), _tables(session, b)
    names = [name for name in before if name != "price_plan" or before[name] or after[name]]
    return {name: list(_rows(before[name], after[name])) for name in names}


def simulation_comparison(a: DecisionRecord, b: DecisionRecord) -> list[JsonObject]:
    """Per figure `{metric_id, a, b, difference}`: each run's candidate, and b − a where both have a value."""
    before, after = _figures(a), _figures(b)
    return [
        {
            "metric_id": name,
            "a": before.get(name),
            "b": after.get(name),
            "difference": _difference(before.get(name), after.get(name)),
        }
        for name in dict.fromkeys([*before, *after])
    ]


def simulation_basis(a: DecisionRecord, b: DecisionRecord) -> JsonObject:
    """What each run was asked, `{a, b, differs}`: `BASIS` by name, and the names in which the two are not alike.

    Figures of runs that were asked differently stand side by side, and none of them is better.
    """
    asked_a, asked_b = _asked(a), _asked(b)
    return {"a": asked_a, "b": asked_b, "differs": [name for name in BASIS if asked_a[name] != asked_b[name]]}


def _asked(decision: DecisionRecord) -> JsonObject:
    inputs = decision.simulation_run.inputs
    segment = (inputs.get("filters") or {}).get("segment")
    return {name: segment if name == "segment" else inputs.get(name) for name in BASIS}


def _tables(session: AnySession, decision: DecisionRecord) -> dict[str, Cells]:
    document = sections(decided_document(session, decision))
    return {
        "pools": _cells(document["pools"]),
        "rails": _cells({"rails": document["rails"]}),
        "exploration": _cells({"exploration": document["exploration"]}),
        "unit_economics": _cells(document["pricing"]["unit_economics"]),
        "price_plan": _cells({"price_plan": {"price_plan": document["pricing"].get("price_plan") or {}}}),
    }


def _cells(items: Mapping[str, Mapping[str, Json] | None]) -> Cells:
    return {(item, field): value for item, fields in items.items() for field, value in _flat(fields or {})}


def _flat(fields: Mapping[str, Json], prefix: str = "") -> Iterator[tuple[str, Json]]:
    """Nested fields by dotted names: `rollover.enabled`, `usage_thresholds.70`."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _rows(a: Cells, b: Cells) -> Iterator[JsonObject]:
    for item, field in dict.fromkeys([*a, *b]):
        left, right = a.get((item, field)), b.get((item, field))
        yield {"item": item, "field": field, "a": left, "b": right, "changed": not same(left, right)}


def _figures(decision: DecisionRecord) -> dict[str, Number | None]:
    """Money, margin and metrics of the candidate by name."""
    outputs = decision.simulation_run.outputs or {}
    economics = (outputs.get("economics") or {}).get("candidate") or {}
    metrics = {name: row.get("candidate") for name, row in (outputs.get("metrics") or {}).items()}
    return {name: economics.get(name) for name in ("revenue_usd", "cost_usd", "margin")} | metrics


def _difference(a: Number | None, b: Number | None) -> Number | None:
    return None if a is None or b is None else b - a
