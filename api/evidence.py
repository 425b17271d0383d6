"""/api/decision-records/{id}/evidence: what came back of a decision, by day and by event, as JSON, CSV or Parquet."""

from flask import Response, send_file

from api.blueprint import operation
from api.resource import Answer, plain
from api.schemas.evidence import JSON, DecisionEvidence, EvidenceEventsQuery, EvidenceQuery
from app.clock import now
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.services.configs import lookup
from app.services.evidence import files
from app.services.evidence.comparison import evidence_of, in_force
from app.services.evidence.days import daily_comparisons

TAG = "Decisions"
ONE = "/decision-records/<decision_id>/evidence"
FILES = {
    files.FORMATS[files.CSV]: {"type": "string", "description": "One line a row, exact numbers, moments in UTC."},
    files.FORMATS[files.PARQUET]: {"type": "string", "format": "binary", "description": "The same, columns typed."},
}


@operation(
    "GET",
    ONE,
    tag=TAG,
    summary="Read a decision's evidence by day",
    query=EvidenceQuery(),
    answers={200: DecisionEvidence},
    also_as=FILES,
    answer_headers=("ContentDisposition",),
)
def get_decision_evidence(decision_id: str, query: dict[str, str]) -> Answer | Response:
    """Forecast against observed customers per action and threshold, day by day, each with its drift verdict.

    As a file it has the rows of `comparisons`, with the config_version_id in front.
    """
    config = _config(decision_id)
    moment = now()
    if query["format"] != JSON:
        return _file(files.comparison_table(db.session, config, now=moment), config, files.COMPARISONS, query["format"])
    version = in_force(db.session, config, now=moment)
    evidence = {"evidence": evidence_of(db.session, version), "comparisons": daily_comparisons(db.session, version)}
    return plain(DecisionEvidence().document(evidence))


@operation(
    "GET",
    f"{ONE}/events",
    tag=TAG,
    summary="Download the enforcement events behind a decision's evidence",
    query=EvidenceEventsQuery(),
    answers={200: FILES[files.FORMATS[files.CSV]]},
    media_type=files.FORMATS[files.CSV],
    also_as=FILES,
)
def get_decision_evidence_events(decision_id: str, query: dict[str, str]) -> Response:
    """All of them, oldest first, in one file; context is canonical JSON."""
    config = _config(decision_id)
    return _file(files.event_table(db.session, config), config, files.EVENTS, query["format"])


def _config(decision_id: str) -> ConfigVersion:
    return lookup.get_decision(db.session, decision_id).config_version


def _file(table: files.EvidenceTable, config: ConfigVersion, what: str, format_name: str) -> Response:
    return send_file(
        files.temporary_file(table, format_name),
        files.FORMATS[format_name],
        as_attachment=True,
        download_name=files.file_name(config.config_version_id, what, format_name),
    )


OPERATIONS = (get_decision_evidence, get_decision_evidence_events)
