"""Generated requests against the whole API: no fault of the server, no status or body that is not published.

Each operation gets a bounded number of fixed-seed requests, good and bad ones, to known and unknown records, on a
database that has an active config, a draft and everything under them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

from api.docs import EXTENSION
from app.models.base import db
from simulation.canonical import JsonObject
from tests import factories
from tests.api.conftest import closed, published
from tests.conftest import fresh_uri
from tests.databases import running_app

AnyCase = Case[Any]
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KNOWN = {
    "workspace_id": factories.WORKSPACE,
    "cycle_id": factories.CYCLE,
    "value_unit_id": "vu_hd_minute",
    "config_version_id": "cfg_2",
    "pool_id": "pool_core",
    "event_type": "draft_export_created",
    "metric_id": "gross_margin",
    "signal_id": "csat",
    "segment_id": factories.SEGMENT,
    "customer_id": "cust_1",
    "code": "config_immutable",
    "simulation_run_id": "sim_cfg_1",
}
REFERENCES: JsonObject = KNOWN | {
    "candidate_config_version_id": "cfg_2",
    "baseline_config_version_id": "cfg_1",
    "segment": factories.SEGMENT,
    "segments": [factories.SEGMENT],
    "primary_metrics": ["gross_margin"],
    "metric_lenses": ["gross_margin"],
    "metrics_intent": [],
    "quality_signal_source": ["csat"],
    "period_length_days": 90,
    "start_date": None,
    "value_unit_snapshot_version": 1,
}
OPERATIONS = sorted(
    ((method.upper(), path) for path, methods in published()["paths"].items() for method in methods),
    key=lambda operation: operation[0] == "DELETE",  # so that the others find something
)
BOUNDED = settings(
    max_examples=16,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def schema(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenApiSchema]:
    """The published document of a server on one database for all operations; deletions come as they come."""
    folder: Path = tmp_path_factory.mktemp("generated")
    for uri in fresh_uri("sqlite", request, folder):
        for app in running_app(uri, folder / "data"):
            factories.foundation(db.session)
            factories.active(db.session)
            factories.config(db.session, "cfg_2")
            factories.complete_runs(db.session)
            db.session.commit()
            app.extensions[EXTENSION] = closed
            yield schemathesis.openapi.from_wsgi("/api/openapi.json", app)


def cases(schema: OpenApiSchema, method: str, path: str) -> st.SearchStrategy[AnyCase]:
    """Good requests about known records, good ones and bad ones about any."""
    operation = schema[path][method]
    known = {name: KNOWN[name] for name in re.findall(r"{(\w+)}", path) if name in KNOWN}
    aimed = operation.as_strategy(path_parameters=known).map(refer_to_known)
    bad = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
    return st.one_of(aimed, operation.as_strategy(path_parameters=known), operation.as_strategy(), bad)


def refer_to_known(case: AnyCase) -> AnyCase:
    """A request with known ids wherever its body or its query refers to a record, and without preconditions."""
    for part in (case.body, case.query):
        if isinstance(part, dict):
            part.update((name, value) for name, value in REFERENCES.items() if name in part)
    case.headers.pop("If-Match", None)
    return case


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_generated_requests_are_answered_as_published(schema: OpenApiSchema, method: str, path: str) -> None:
    @BOUNDED
    @given(cases(schema, method, path))
    def answered(case: AnyCase) -> None:
        case.call_and_validate(checks=CHECKS)

    answered()
