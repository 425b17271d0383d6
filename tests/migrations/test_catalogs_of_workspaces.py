"""Migration 0005 keeps every catalog entry as a shared one, on both engines, and the search goes on finding it."""

import flask_migrate
import pytest
import sqlalchemy as sa
from flask import Flask

from app.migrations import MIGRATIONS
from app.models.base import db
from app.models.catalog import CATALOGS, Customer, EventCatalog, SegmentCatalog
from app.services.search import matching
from tests import factories as f

pytestmark = pytest.mark.own_database

OLD_ROWS = (
    "INSERT INTO segment_catalog (segment_id, label) VALUES ('zeta', 'Zeta'), ('smb', 'Small business')",
    "INSERT INTO customers (customer_id, name, segment) VALUES ('c_2', 'Northwind', 'smb'), ('c_1', 'Pioneer', 'zeta')",
    "INSERT INTO event_catalog (event_type, description, dimensions) VALUES ('render', 'A render', '[\"Model\"]')",
    "INSERT INTO metric_catalog (metric_id, label, type) VALUES ('nps', 'Promoters', 'lens')",
    "INSERT INTO quality_signal_catalog (signal_id, label, source) VALUES ('csat', 'Satisfaction', 'in_app')",
)


@pytest.fixture
def upgraded(app: Flask) -> Flask:
    """A database that had rows before catalogs belonged to workspaces."""
    flask_migrate.Migrate(app, db, directory=str(MIGRATIONS))
    flask_migrate.downgrade(revision="0004")
    with db.engine.begin() as connection:
        for statement in OLD_ROWS:
            connection.execute(sa.text(statement))
    flask_migrate.upgrade()
    return app


@pytest.mark.usefixtures("upgraded")
def test_every_row_is_there_and_shared() -> None:
    assert [db.session.scalar(sa.select(sa.func.count()).select_from(model)) for model in CATALOGS] == [1, 1, 1, 2, 2]
    assert all(row.workspace_id is None for model in CATALOGS for row in db.session.scalars(sa.select(model)))
    assert db.session.scalars(sa.select(EventCatalog)).one().dimensions == ["Model"]
    customers = sa.select(Customer.customer_id, Customer.segment).order_by(Customer.customer_id)
    assert list(db.session.execute(customers).tuples()) == [("c_1", "zeta"), ("c_2", "smb")]


@pytest.mark.usefixtures("upgraded")
def test_the_search_finds_old_rows_and_follows_new_ones() -> None:
    def found(words: str) -> list[str]:
        hits = sa.select(Customer.customer_id).where(matching(db.session, Customer.__table__, words))
        return list(db.session.scalars(hits))

    assert found("pioneer") == ["c_1"]
    f.workspace(db.session)
    db.session.add(Customer(customer_id="c_1", name="Atlas", segment="smb", workspace_id="ws_1"))
    db.session.flush()
    assert (found("atlas"), found("pioneer")) == (["c_1"], ["c_1"])
    db.session.delete(db.session.scalars(sa.select(Customer).filter_by(workspace_id=None, customer_id="c_1")).one())
    db.session.flush()
    assert (found("atlas"), found("pioneer")) == (["c_1"], [])


@pytest.mark.usefixtures("upgraded")
def test_the_way_back_keeps_what_is_shared() -> None:
    f.workspace(db.session)
    db.session.add(SegmentCatalog(segment_id="smb", label="Ours", workspace_id="ws_1"))
    db.session.commit()
    flask_migrate.downgrade(revision="0004")
    with db.engine.connect() as connection:
        labels = connection.scalars(sa.text("SELECT label FROM segment_catalog ORDER BY segment_id")).all()
    assert labels == ["Small business", "Zeta"]
    flask_migrate.upgrade()
    assert db.session.scalars(sa.select(sa.func.count()).select_from(Customer)).one() == 2
