"""/api/simulations: ask what a candidate would have done to real usage, and read what was answered (spec 4 and 6)."""

import sqlalchemy as sa

from api.blueprint import operation
from api.pagination import filtered, page
from api.resource import Answer, created, idempotency_key, once, stored_answer, tagged
from api.schemas import simulation as schemas
from api.schemas.common import Document, Parsed, page_of
from app import clock
from app.extensions import usage_events
from app.identity import acting
from app.models.base import AnySession, db
from app.models.simulation_run import SimulationRun
from app.services.configs.lookup import get_config
from app.services.lookup import get
from app.services.simulations import runs
from app.services.simulations.dataset import change_document, change_since

TAG = "Simulations"
FILTERS = {
    "workspace_id": SimulationRun.workspace_id,
    "cycle_id": SimulationRun.cycle_id,
    "candidate_config_version_id": SimulationRun.candidate_config_version_id,
    "status": SimulationRun.status,
}


def document(row: SimulationRun) -> Document:
    """The run as every answer shows it."""
    return schemas.Simulation().document(row)


@operation(
    "GET",
    "/simulations",
    tag=TAG,
    summary="List simulation runs",
    query=schemas.SimulationQuery(),
    answers={200: page_of(schemas.Simulation)},
)
def list_simulations(query: Parsed) -> Answer:
    """Newest first."""
    rows = filtered(sa.select(SimulationRun), query, FILTERS)
    return page(rows, (SimulationRun.place, SimulationRun.simulation_run_id), query, document, newest_first=True)


@operation(
    "POST",
    "/simulations",
    tag=TAG,
    summary="Simulate a candidate",
    body=schemas.SimulationBody(),
    answers={201: schemas.Simulation},
    problems=(404,),
    idempotent=True,
)
def simulate(body: Parsed) -> Answer:
    """Replays historical usage through candidate and baseline; 409 with findings when the gate holds it back."""
    answered = stored_answer(db.session, idempotency_key())
    if answered is not None:
        return answered
    config = get_config(db.session, body["candidate_config_version_id"])
    prepared = runs.prepare(db.session, runs.request_from(body, config))
    db.session.rollback()  # nothing is held while the events are read
    answer = runs.compute(prepared, usage_events(), clock.now())

    def build(session: AnySession) -> Answer:
        run = runs.record(session, prepared, answer, **acting())
        return created("get_simulation", document(run), simulation_run_id=run.simulation_run_id)

    return once(build)


@operation(
    "GET",
    "/simulations/<simulation_run_id>",
    tag=TAG,
    summary="Read a simulation run",
    answers={200: schemas.SimulationRead},
    conditional=True,
)
def get_simulation(simulation_run_id: str) -> Answer:
    """`dataset_change` says whether the events that the run covers are still the same."""
    run = get(db.session, SimulationRun, simulation_run_id, "simulation run")
    change = change_since(db.session, usage_events().store, simulation_run_id)
    return tagged(document(run) | {"dataset_change": change_document(change)})


OPERATIONS = (list_simulations, simulate, get_simulation)
