"""A decision, or two compared, as one document: JSON with everything, Markdown for people (spec 7, flows 6B and 6C)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from app.models.base import AnySession, Model
from app.models.decision_record import DecisionRecord
from app.services.decisions.compare import compared, diff_tables, simulation_basis, simulation_comparison
from app.services.decisions.content import decided_document, diff_of
from app.services.decisions.figures import basis_rows, figure_rows, simulated
from app.services.decisions.log import detail, summaries
from app.services.evidence.comparison import evidence
from app.services.wording.plan_labels import field_label
from app.services.wording.words import moment_text, value_text
from rules.risks import risk_sentence
from rules.terms_start import clause
from simulation.canonical import Json, JsonObject

NO_VERDICT = "The two runs were not asked the same, so no figure of one is better than the other's."
TABLES: Mapping[str, str] = {
    "pools": "Pools",
    "rails": "Rails",
    "exploration": "Exploration",
    "unit_economics": "Unit economics",
    "price_plan": "Price plan",
}


# One decision


def decision_document(session: AnySession, decision_id: str, *, now: datetime) -> JsonObject:
    """Every record that the decision rests on and everything that was reported, under canonical field names."""
    records = detail(session, decision_id)
    decision, config, run = records.decision, records.config, records.run
    (summary,) = summaries(session, [decision])
    snapshot = columns(records.snapshot) | {"completeness": records.completeness} if records.snapshot else None
    return {
        "decision_record": columns(decision) | {"subject_resolution": decision.subject_resolution},
        "outcome_pill": summary.outcome_pill,
        "changes_in_words": [text for section in diff_of(session, decision) for text in section.sentences],
        "config_version": columns(config) | {"content": decided_document(session, decision)},
        "cycle": columns(records.cycle),
        "simulation_run": columns(run),
        "billing_patch": columns(records.patch),
        "value_unit_snapshot": snapshot,
        "evidence": _lists(evidence(session, config, now=now).as_dict()),
    }


def _lists(document: Mapping[str, Json]) -> JsonObject:
    """The document with lists where it has tuples, as JSON gives them back."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in document.items()}


def columns(row: Model) -> JsonObject:
    """A stored row under its column names."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def decision_markdown(document: Mapping[str, Json]) -> str:
    """The decision as one page of Markdown, from its document."""
    return "\n".join(_decision_lines(document)) + "\n"


def _decision_lines(document: Mapping[str, Json]) -> Iterator[str]:
    record = document["decision_record"]
    yield from (f"# Decision {record['decision_id']}", "")
    yield from _facts(document)
    yield from ("", "## Rationale", "", *(f"> {line}".rstrip() for line in record["rationale"].splitlines()))
    yield from _history(record["history"])
    against = record["baseline_config_version_id"] or "nothing, the first version of its subject"
    yield from ("", "## What changed", "", f"Against {against}.", "")
    yield from (f"- {_inline(text)}" for text in document["changes_in_words"] or ["Nothing that the apps enforce."])
    yield from ("", "## What the simulation said", "")
    yield from _simulation(document["simulation_run"]["outputs"] or {})
    yield from ("", "## What came back", "", document["evidence"]["verdict"], "")
    yield from _evidence(document["evidence"])
    yield from ("", "## Value units", "")
    yield from _units(document["value_unit_snapshot"])
    yield from ("", "## Billing patch", "", f"{document['billing_patch']['billing_patch_id']}:", "")
    yield from _prices(document["billing_patch"]["payload"])


def _facts(document: Mapping[str, Json]) -> Iterator[str]:
    record, cycle = document["decision_record"], document["cycle"]
    subject = record["subject_resolution"]
    facts = {
        "Outcome": document["outcome_pill"].replace("_", " "),
        "Config": f"{record['config_version_id']}, version {document['config_version']['version']}",
        "For": " · ".join(subject[name] for name in ("segment", "stage", "target_environment")),
        "Kind": str(record["diff"]["type"]).replace("_", " "),
        "Approved by": f"{record['approver_name']}, {record['approver_role']}",
        "Decided": moment_text(record["created_at"]),
        "Effective": _effective(record),
        "Cycle": f"{cycle['cycle_name']} ({cycle['cycle_id']}), goal {value_text('goal_type', cycle['goal_type'])}",
        "Simulation run": record["simulation_run_id"],
    }
    yield from table(("", ""), facts.items())


def _effective(record: Mapping[str, Json]) -> str:
    return moment_text(record["effective_at"]) + clause(record["terms_start"])


def _history(history: Sequence[Mapping[str, Json]]) -> Iterator[str]:
    """What became of the decision after its approval, when anything did."""
    if history:
        yield from ("", "## What became of it", "")
    for entry in history:
        act, who = entry["type"].replace("_", " "), f"{entry['by']['name']}, {entry['by']['role']}"
        reason = entry["rationale"] or "; ".join(entry.get("messages") or ())
        yield f"- {entry['at']} {act} by {who}{': ' if reason else ''}{_inline(reason)}"


def _simulation(outputs: Mapping[str, Json]) -> Iterator[str]:
    rows = ((row.label, row.a, row.b, row.difference) for row in simulated(outputs))
    yield from table(("Figure", "Baseline", "Candidate", "Difference"), rows)
    if risks := outputs.get("risks"):
        yield from ("", *(f"- **{risk['code']}**: {_inline(risk_sentence(risk, outputs))}" for risk in risks))


def _evidence(evidence: Mapping[str, Json]) -> Iterator[str]:
    yield from table(
        ("Enforcement event", "Events", "Customers in the window", "Forecast", "Verdict"),
        (
            (
                row["event_type"],
                value_text("", row["events"]),
                value_text("", row["customers_in_window"]),
                "none" if row["forecast_customers"] is None else value_text("", row["forecast_customers"]),
                row["verdict"].replace("_", " "),
            )
            for row in evidence["by_event_type"]
        ),
    )


def _units(snapshot: Mapping[str, Json] | None) -> Iterator[str]:
    if snapshot is None:
        yield "No snapshot."
        return
    yield f"Snapshot {snapshot['snapshot_version']} of {snapshot['cycle_id']}."
    yield ""
    names = {unit["value_unit_id"]: unit["name"] for unit in snapshot["value_units"]}
    rows = (
        (names[unit_id], unit_id, state["status"], ", ".join(state["missing"]) or "nothing")
        for unit_id, state in snapshot["completeness"].items()
    )
    yield from table(("Unit", "Id", "Completeness", "Missing"), rows)


def _prices(payload: Mapping[str, Json]) -> Iterator[str]:
    yield from table(
        ("Rate card", "Meter", "Price per unit"),
        (
            (
                card["rate_card_id"] or "not set",
                line["meter_id"],
                _measured("price_per_unit_usd", line["price_per_unit_usd"]),
            )
            for card in payload["rate_card_updates"]
            for line in card["lines"]
        ),
    )


# Two decisions


def comparison_document(session: AnySession, decision_id_a: str, decision_id_b: str, *, now: datetime) -> JsonObject:
    """Both summaries with reasons and what apps reported, the tables of spec 6, and the figures of both runs."""
    a, b = compared(session, decision_id_a, decision_id_b)
    summary_a, summary_b = (summary.as_dict() for summary in summaries(session, [a, b]))
    return {
        "a": summary_a | _reason(a) | _observed(session, a, now),
        "b": summary_b | _reason(b) | _observed(session, b, now),
        "diff_tables": diff_tables(session, a, b),
        "simulation_basis": simulation_basis(a, b),
        "simulation_comparison": simulation_comparison(a, b),
    }


def _reason(decision: DecisionRecord) -> JsonObject:
    return {"rationale": decision.rationale, "simulation_run_id": decision.simulation_run_id}


def _observed(session: AnySession, decision: DecisionRecord, now: datetime) -> JsonObject:
    """The verdict on what apps reported about the decision's config, in words."""
    return {"evidence_verdict": evidence(session, decision.config_version, now=now).verdict}


def comparison_markdown(document: Mapping[str, Json]) -> str:
    """The comparison as one page of Markdown, from its document."""
    return "\n".join(_comparison_lines(document)) + "\n"


def _comparison_lines(document: Mapping[str, Json]) -> Iterator[str]:
    sides = document["a"], document["b"]
    names = tuple(side["decision_id"] for side in sides)
    yield from (f"# {names[0]} and {names[1]}", "")
    yield from table(("", *names), _heads(sides))
    for side in sides:
        yield from ("", f"## Why {side['decision_id']}", "")
        yield from (f"> {line}".rstrip() for line in side["rationale"].splitlines())
    yield from ("", "## What the simulations said", "")
    basis = document["simulation_basis"]
    yield from table(("Asked", *names), ((row.label, row.a, row.b) for row in basis_rows(basis)))
    yield ""
    if basis["differs"]:
        yield from (NO_VERDICT, "")
    yield from table(("Figure", *names, "Difference", "Better"), _figures(document, names))
    for name, title in TABLES.items():
        if name not in document["diff_tables"]:
            continue
        changed = [row for row in document["diff_tables"][name] if row["changed"]]
        yield from ("", f"## {title}", "")
        yield from _differences(changed, names) if changed else ("No difference.",)


def _heads(sides: Sequence[Mapping[str, Json]]) -> Iterator[tuple[str, ...]]:
    yield "Outcome", *(side["outcome_pill"].replace("_", " ") for side in sides)
    yield "What came back", *(side["evidence_verdict"] for side in sides)
    yield "Config", *(f"{side['config_version_id']}, version {side['config_version']}" for side in sides)
    yield "Approved by", *(f"{side['approver_name']}, {side['approver_role']}" for side in sides)
    yield "Effective", *(moment_text(side["effective_at"]) for side in sides)
    yield "Risks", *(", ".join(side["risk_pills"]) or "none" for side in sides)


def _figures(document: Mapping[str, Json], names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    judged = not document["simulation_basis"]["differs"]
    for row in figure_rows(document["simulation_comparison"], judged=judged):
        better = {"a": names[0], "b": names[1]}.get(row.better or "", "")
        yield row.label, row.a, row.b, row.difference, better


def _differences(rows: Iterable[Mapping[str, Json]], names: Sequence[str]) -> Iterator[str]:
    yield from table(
        ("Record", "Field", *names),
        (
            (row["item"], field_label(row["field"], {}), *(value_text(row["field"], row[side]) for side in ("a", "b")))
            for row in rows
        ),
    )


# Markdown


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A Markdown table, one line a row; no cell can break out of it."""
    yield f"| {' | '.join(map(_inline, heads))} |"
    yield "|" + " --- |" * len(heads)
    for row in rows:
        yield f"| {' | '.join(map(_inline, row))} |"


def _inline(text: str) -> str:
    """The text on one line, with nothing in it that would end a table's cell."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())


def _measured(name: str, value: Json) -> str:
    return "not measured" if value is None else value_text(name, value)
