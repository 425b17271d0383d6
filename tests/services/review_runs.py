"""Two customers over sixty days, an active version that includes 10 minutes and a candidate that includes 5.

Per HD minute: cost 0.18, price 0.6. December: cust_1 uses 8. January: cust_1 uses 20, cust_2 uses 4.

| | December | January |
|---|---|---|
| cfg_0, includes 10 | revenue 0, cost 1.44 | 10 beyond: revenue 6.00, cost 4.32, margin 0.28 |
| cfg_1, includes 5 | 3 beyond: revenue 1.80, cost 1.44, margin 0.2 | 15 beyond: revenue 9.00, cost 4.32, margin 0.52 |
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from flask.testing import FlaskClient

from app.extensions import usage_events
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.simulation_run import SimulationRun
from app.models.transactions import write
from app.services.simulations import runs
from rules.enums import HistoricalWindow
from simulation.canonical import JsonObject
from tests import factories as f

AS_OF = datetime(2026, 1, 15, tzinfo=UTC)
POOL: JsonObject = {**f.CORE, "rollover": None}
RAILS = f.RAILS | {"monthly_spend_cap_usd": Decimal(8)}
USED = (("cust_1", "2025-12-10", 8), ("cust_1", "2026-01-10", 20), ("cust_2", "2026-01-12", 4))


def including(quantity: int) -> JsonObject:
    """The parts of a config that gives out so many minutes."""
    pool = POOL | {"included_quantity": Decimal(quantity)}
    return {"pools": [pool], "exploration": {"enabled": False}, "rails": RAILS}


def prepared(client: FlaskClient) -> ConfigVersion:
    """Usage, the active version `cfg_0` and the draft `cfg_1`."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_0", **including(10))
        config = f.config(db.session, "cfg_1", **including(5))
    used(client)
    return config


def used(client: FlaskClient) -> None:
    """Send the usage."""
    events = [rendered(f"e_{number}", *use, "HD") for number, use in enumerate(USED)]
    assert client.post("/api/usage-events", json=events).status_code == 202


def rendered(event_id: str, customer_id: str, day: str, minutes: int, resolution: str) -> JsonObject:
    """A usage event of that day."""
    return {
        "event_id": event_id,
        "ts": f"{day}T00:00:00Z",
        "event_type": "video_render_completed",
        "workspace_id": f.WORKSPACE,
        "customer_id": customer_id,
        "segment": f.SEGMENT,
        "resolution": resolution,
        "render_mode": "production",
        "output_minutes": minutes,
    }


def used_in(client: FlaskClient, resolution: str, minutes: int) -> None:
    """One more render of cust_1 in January."""
    event = rendered(f"e_{resolution}", "cust_1", "2026-01-11", minutes, resolution)
    assert client.post("/api/usage-events", json=[event]).status_code == 202


def simulated(config_version_id: str = "cfg_1", **changes: Any) -> SimulationRun:
    """A completed run over both periods, against the active version, read back as it is stored."""
    asked: JsonObject = {"window": HistoricalWindow.DAYS_60, "segment": f.SEGMENT, "as_of": AS_OF} | changes
    request = runs.Request(config_version_id, **asked)
    run = runs.simulate(db.session, usage_events(), request, actor=f.OPERATOR, now=f.NOW)
    db.session.refresh(run)
    return run
