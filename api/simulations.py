"""/api/simulations: ask what a candidate would have done to real usage, and read what was answered (spec 4 and 6)."""

from typing import Any

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, idempotency_key, once, stored_answer, tagged
from api.schemas.common import page_of
from api.schemas.simulation import Simulation, SimulationBody, SimulationQuery
from app.extensions import usage_events
from app.identity import acting
from app.models.base import db
from app.models.simulation_run import SimulationRun as Row
from app.services.configs.lookup import get_config
from app.services.lookup import get
from app.services.simulations import runs

TAG = "Simulations"
FILTERS = {
    "workspace_id": Row.workspace_id,
    "cycle_id": Row.cycle_id,
    "candidate_config_version_id": Row.candidate_config_version_id,
    "status": Row.status,
}


def document(row: Row) -> dict[str, Any]:
    """The run as every answer shows it."""
    return Simulation().dump(row)


@operation(
    "GET",
    "/simulations",
    tag=TAG,
    summary="List simulation runs",
    query=SimulationQuery(),
    answers={200: page_of(Simulation)},
)
def list_simulations(query: dict[str, Any]) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(Row), query, FILTERS)
    return page(rows, (Row.created_at, Row.simulation_run_id), query, document, newest_first=True)


@operation(
    "POST",
    "/simulations",
    tag=TAG,
    summary="Simulate a candidate",
    body=SimulationBody(),
    answers={201: Simulation},
    problems=(404,),
    idempotent=True,
)
def simulate(body: dict[str, Any]) -> Answer:
    """Replays historical usage through candidate and baseline; 409 with findings when the gate holds it back."""
    answered = stored_answer(db.session, idempotency_key())
    if answered is not None:
        return answered
    config = get_config(db.session, body["candidate_config_version_id"])
    prepared = runs.prepare(db.session, runs.request_from(body, config))
    db.session.rollback()  # nothing is held while the events are read
    answer = runs.compute(prepared, usage_events())

    def build(session: Any) -> Answer:
        run = runs.record(session, prepared, answer, **acting())
        return created("get_simulation", document(run), simulation_run_id=run.simulation_run_id)

    return once(build)


@operation(
    "GET",
    "/simulations/<simulation_run_id>",
    tag=TAG,
    summary="Read a simulation run",
    answers={200: Simulation},
    conditional=True,
)
def get_simulation(simulation_run_id: str) -> Answer:
    return tagged(document(get(db.session, Row, simulation_run_id, "simulation run")))


OPERATIONS = (list_simulations, simulate, get_simulation)
