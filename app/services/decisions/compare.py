"""Two decisions side by side: what their configs enforce, and what their runs saw (spec 6 and 7, flow 6C)."""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import defer, joinedload

from app.errors import AvsError, FieldError
from app.models.base import AnySession
from app.models.decision_record import DecisionRecord
from app.services.configs.diffs import same, sections
from app.services.configs.documents import config_document
from app.services.configs.lookup import cycle_of, get_decision, snapshot_of

PICKABLE = 200
Cells = dict[tuple[str, str], Any]
"""(item, field) → value: one side of a table."""


def compared(session: AnySession, decision_id_a: str, decision_id_b: str) -> tuple[DecisionRecord, DecisionRecord]:
    """Both decisions, which must be of one workspace."""
    a, b = get_decision(session, decision_id_a), get_decision(session, decision_id_b)
    if a.workspace_id != b.workspace_id:
        problem = (
            f"Decision {decision_id_b} belongs to workspace {b.workspace_id}, {decision_id_a} to {a.workspace_id}."
        )
        raise AvsError(problem, code="bad_parameters", errors=[FieldError("decision_id_b", problem)])
    return a, b


def pickable(session: AnySession, workspace_id: str) -> list[tuple[str, str]]:
    """Decisions to choose from, newest first: the id, and what tells one from another."""
    newest = (
        sa.select(DecisionRecord)
        .filter_by(workspace_id=workspace_id)
        .options(joinedload(DecisionRecord.config_version), defer(DecisionRecord.diff), defer(DecisionRecord.rationale))
    )
    order = (DecisionRecord.created_at.desc(), DecisionRecord.decision_id.desc())
    return [(row.decision_id, _told(row)) for row in session.scalars(newest.order_by(*order).limit(PICKABLE))]


def _told(row: DecisionRecord) -> str:
    subject = " · ".join((row.segment, row.stage, row.target_environment))
    return f"{row.created_at:%Y-%m-%d} {subject} · v{row.config_version.version}, {row.status} ({row.decision_id})"


def diff_tables(session: AnySession, a: DecisionRecord, b: DecisionRecord) -> dict[str, list[dict[str, Any]]]:
    """Per table the rows `{item, field, a, b, changed}`: every field that one of them has, null where it is not set."""
    before, after = _tables(session, a), _tables(session, b)
    return {name: list(_rows(before[name], after[name])) for name in before}


def simulation_comparison(a: DecisionRecord, b: DecisionRecord) -> list[dict[str, Any]]:
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


def _tables(session: AnySession, decision: DecisionRecord) -> dict[str, Cells]:
    config = decision.config_version
    document = sections(config_document(config, cycle_of(session, config), snapshot_of(session, config)))
    return {
        "pools": _cells(document["pools"]),
        "rails": _cells({"rails": document["rails"]}),
        "exploration": _cells({"exploration": document["exploration"]}),
        "unit_economics": _cells(document["pricing"]["unit_economics"]),
    }


def _cells(items: Mapping[str, Mapping[str, Any] | None]) -> Cells:
    return {(item, field): value for item, fields in items.items() for field, value in _flat(fields or {})}


def _flat(fields: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested fields by dotted names: `rollover.enabled`, `usage_thresholds.70`."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _rows(a: Cells, b: Cells) -> Iterator[dict[str, Any]]:
    for item, field in dict.fromkeys([*a, *b]):
        left, right = a.get((item, field)), b.get((item, field))
        yield {"item": item, "field": field, "a": left, "b": right, "changed": not same(left, right)}


def _figures(decision: DecisionRecord) -> dict[str, Any]:
    outputs = decision.simulation_run.outputs or {}
    economics = (outputs.get("economics") or {}).get("candidate") or {}
    metrics = {name: row.get("candidate") for name, row in (outputs.get("metrics") or {}).items()}
    return {name: economics.get(name) for name in ("revenue_usd", "cost_usd", "margin")} | metrics


def _difference(a: Any, b: Any) -> Any:
    return None if a is None or b is None else b - a
