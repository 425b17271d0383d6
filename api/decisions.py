"""/api/decision-records: which decisions matter now, why they were taken, which is better, and the next draft."""

from typing import Any

from api import configs, cycles, value_unit_snapshots
from api.approve import document as decision_document
from api.approve import waiting_documents
from api.billing import document as patch_document
from api.blueprint import operation
from api.pagination import decode_cursor, encode_cursor
from api.resource import Answer, created, once, plain
from api.schemas.common import Parsed, page_of
from api.schemas.decision_log import (
    CompareQuery,
    DecisionComparison,
    DecisionDetail,
    DecisionQuery,
    DecisionSummary,
    Fork,
    ForkBody,
)
from api.schemas.evidence import Evidence
from api.simulations import document as run_document
from app.clock import now
from app.identity import acting
from app.models.base import AnySession, db
from app.models.decision_record import DecisionRecord
from app.services.authoring import fork as decision_fork
from app.services.decisions import compare as decision_compare
from app.services.decisions import log as decisions
from app.services.decisions.schedule import waiting_for
from app.services.evidence.comparison import evidence

TAG = "Decisions"
ONE = "/decision-records/<decision_id>"


def summary_documents(rows: list[DecisionRecord]) -> list[dict[str, Any]]:
    """The decisions as the log shows them."""
    return [DecisionSummary().document(summary.as_dict()) for summary in decisions.summaries(db.session, rows)]


@operation(
    "GET",
    "/decision-records",
    tag=TAG,
    summary="List decisions",
    query=DecisionQuery(),
    answers={200: page_of(DecisionSummary)},
)
def list_decisions(query: Parsed) -> Answer:
    """Newest first, or by `sort`: effective_at (a subject's timeline, the last to take effect first), margin_risk
    (least simulated margin above the floor first), retention_delta or exploration_delta (largest gain first). Decisions
    without the figure come last."""
    order = decisions.ordering(db.session, query["sort"])
    after = decode_cursor(query["cursor"], order) if "cursor" in query else None
    rows, last = decisions.page_of_decisions(db.session, query, order, after, query["limit"])
    return plain({"items": summary_documents(rows), "next_cursor": last and encode_cursor(last)})


@operation(
    "GET",
    "/decision-records/compare",
    tag=TAG,
    summary="Compare two decisions",
    query=CompareQuery(),
    answers={200: DecisionComparison},
    problems=(404,),
)
def compare_decisions(query: dict[str, str]) -> Answer:
    """Pools, rails, exploration and unit economics field by field, and the figures of both simulations."""
    a, b = decision_compare.compared(db.session, query["decision_id_a"], query["decision_id_b"])
    summary_a, summary_b = summary_documents([a, b])
    document = {
        "a": summary_a,
        "b": summary_b,
        "diff_tables": decision_compare.diff_tables(db.session, a, b),
        "simulation_basis": decision_compare.simulation_basis(a, b),
        "simulation_comparison": decision_compare.simulation_comparison(a, b),
    }
    return plain(document)


@operation("GET", ONE, tag=TAG, summary="Read a decision", answers={200: DecisionDetail})
def get_decision(decision_id: str) -> Answer:
    """The decision with its config, cycle, simulation run, billing patch and snapshot, and the evidence since."""
    decision_detail = decisions.detail(db.session, decision_id)
    (summary,) = decisions.summaries(db.session, [decision_detail.decision])
    snapshot = decision_detail.snapshot and value_unit_snapshots.document(decision_detail.snapshot) | {
        "completeness": decision_detail.completeness
    }
    document = {
        "decision_record": decision_document(decision_detail.decision),
        "outcome_pill": summary.outcome_pill,
        "scheduled": waiting_documents(waiting_for(db.session, decision_detail.decision.subject_resolution)),
        "config_version": configs.document(db.session, decision_detail.config),
        "cycle": cycles.document(decision_detail.cycle),
        "simulation_run": run_document(decision_detail.run),
        "billing_patch": patch_document(decision_detail.patch),
        "value_unit_snapshot": snapshot,
        "evidence": Evidence().document(evidence(db.session, decision_detail.config, now=now())),
    }
    return plain(document)


@operation(
    "POST",
    f"{ONE}/fork",
    tag=TAG,
    summary="Fork a decision into a new draft",
    body=ForkBody(),
    answers={201: Fork},
    idempotent=True,
)
def fork_decision(decision_id: str, body: Parsed) -> Answer:
    """Copies pools, exploration, rails, price book and lenses; the baseline is the decided config.

    In another cycle each pool counts the unit with the same id, else the only one with the same name.
    """

    def build(session: AnySession) -> Answer:
        config = decision_fork.fork(session, decision_id, decision_fork.Target(**body), **acting())
        identifier = config.config_version_id
        document = {"new_config_version_id": identifier, "route_next": f"/configs/{identifier}/pools"}
        return created("get_config", document, config_version_id=identifier)

    return once(build)


OPERATIONS = (list_decisions, compare_decisions, get_decision, fork_decision)
