"""A candidate that waits for its decision beside the active version."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.models.base import db
from app.models.transactions import write
from tests import factories as f

IMPACT = {
    "customers": 100,
    "billed_more": 7,
    "billed_less": 60,
    "bill_change_usd": {"p5": -9, "p25": -4, "p50": -1, "p75": 0, "p95": 2},
    "worst_20": [
        {"customer_id": "cust_9", "baseline_bill_usd": 1, "candidate_bill_usd": 4, "bill_change_usd": 3},
    ],
}


@pytest.fixture
def client(sqlite_app: Flask) -> FlaskClient:
    """cfg_1 is active; cfg_2 includes more, is simulated against it and waits for a decision."""
    with write(db.session):
        f.foundation(db.session)
        f.active(db.session, "cfg_1")
        candidate = f.config(db.session, "cfg_2", pools=[f.CORE | {"included_quantity": 500}, f.EXPLORATION_POOL])
        f.run(db.session, candidate, baseline_config_version_id="cfg_1", outputs=f.outputs(customer_impact=IMPACT))
    return sqlite_app.test_client()
