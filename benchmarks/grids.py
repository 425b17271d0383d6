"""How quick the admin grids are over 100,000 rows: whole requests through the WSGI app, on SQLite.

    python -m benchmarks.grids [--rows 100000] [--repeat 41] [--database URI]

Prints Markdown: the median and the 95th percentile of each kind of request.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.ids import new_id
from app.migrations import upgrade
from app.models.base import Model, db
from app.models.config_version import ConfigVersion
from app.models.enforcement import EnforcementEvent
from app.models.product_event import ProductEvent
from app.models.transactions import write
from app.services.product_events import PRODUCT_EVENTS
from rules.enums import EnforcementEventType
from tests import factories as f

START = datetime(2026, 1, 1, tzinfo=UTC)
CONFIGS, CUSTOMERS, BATCH = 20, 2_000, 1_000
EVENTS, LOG = "/admin/enforcement-events/", "/admin/product-events/"
REQUESTS = (
    ("list, newest first", EVENTS),
    ("list, page 40", EVENTS + "?page=40"),
    ("list, page 3,000", EVENTS + "?page=3000"),
    ("sort by customer", EVENTS + "?sort=4"),
    ("sort by event type, descending", EVENTS + "?sort=3&desc=1"),
    ("filter: customer", EVENTS + "?flt1_customer_id=cust_1234"),
    ("filter: config", EVENTS + "?flt2_config_version_id=cfg_7"),
    ("filter: event type", EVENTS + "?flt3_event_type=hard_cap_blocked"),
    ("filter: event type and config", EVENTS + "?flt3_event_type=hard_cap_blocked&flt2_config_version_id=cfg_7"),
    ("filter: days", EVENTS + "?flt4_occurred_at_from=2026-01-20&flt5_occurred_at_to=2026-01-21"),
    ("search, one customer", EVENTS + "?search=cust_1234"),
    ("search, beginning of an id", EVENTS + "?search=cust_12"),
    ("search, a number in the context", EVENTS + "?search=50123"),
    ("search, two words", EVENTS + "?search=cust_1234+throttle"),
    ("search, a sixth of the rows", EVENTS + "?search=throttle"),
    ("search, every row", EVENTS + "?search=pool_core"),
    ("search, nothing", EVENTS + "?search=absent"),
    ("search and filter", EVENTS + "?search=cust_12&flt3_event_type=hard_cap_blocked"),
    ("product events: list", LOG),
    ("product events: filter by name", LOG + "?flt1_event_name=config_activated"),
    ("product events: search", LOG + "?search=cfg_1234"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=41)
    parser.add_argument("--database", help="an empty database to use instead of a new SQLite file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = migrated(options.database or f"sqlite:///{Path(folder) / 'avs.db'}", Path(folder))
        with app.app_context():
            fill(options.rows)
        engine = sa.make_url(app.config["SQLALCHEMY_DATABASE_URI"]).drivername
        print(f"{options.rows:,} rows, {engine}.\n")
        print("| request | p50 ms | p95 ms |\n|---|---:|---:|")
        for label, path in REQUESTS:
            times = sorted(timed(app.test_client(), path, options.repeat))
            print(f"| {label} | {statistics.median(times):.1f} | {times[int(len(times) * 0.95)]:.1f} |")


def migrated(uri: str, folder: Path) -> Flask:
    settings = {
        "SECRET_KEY": "benchmark",
        "DATA_DIR": folder,
        "SQLALCHEMY_DATABASE_URI": uri,
        "API_TOKEN": None,
        "MAX_CONTENT_LENGTH": 8 * 1024 * 1024,
    }
    app = create_app(settings)
    with app.app_context():
        upgrade()
    return app


def fill(rows: int) -> None:
    with write(db.session):
        f.catalogs(db.session)
        f.workspace(db.session)
        f.cycle(db.session)
        for number in range(CONFIGS):
            db.session.add(
                ConfigVersion(
                    config_version_id=f"cfg_{number}",
                    **f.SUBJECT,
                    cycle_id=f.CYCLE,
                    version=number + 1,
                    content_hash="0" * 64,
                    created_at=START,
                    updated_at=START,
                )
            )
    dice = random.Random(7)
    insert(EnforcementEvent, (enforcement_event(dice, n, rows) for n in range(rows)))
    insert(ProductEvent, (product_event(dice, n, rows) for n in range(rows)))
    if db.engine.dialect.name == "postgresql":
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def insert(model: type[Model], rows: Iterator[dict[str, object]]) -> None:
    while batch := [row for _index, row in zip(range(BATCH), rows, strict=False)]:
        with write(db.session):
            db.session.execute(sa.insert(model), batch)


def enforcement_event(dice: random.Random, number: int, of: int) -> dict[str, object]:
    moment = START + timedelta(seconds=number * 30 * 86_400 // of)
    return {
        "enforcement_event_id": new_id("enf_"),
        "workspace_id": "ws_1",
        "customer_id": f"cust_{dice.randrange(CUSTOMERS)}",
        "config_version_id": f"cfg_{dice.randrange(CONFIGS)}",
        "occurred_at": moment,
        "event_type": dice.choice(list(EnforcementEventType)).value,
        "context": {
            "pool_id": "pool_core",
            "percent": dice.choice((70, 90, 100)),
            "used_quantity": dice.randrange(100_000),
        },
        "received_at": moment,
    }


def product_event(dice: random.Random, number: int, of: int) -> dict[str, object]:
    return {
        "product_event_id": new_id("pe_"),
        "workspace_id": "ws_1",
        "event_name": dice.choice(PRODUCT_EVENTS),
        "actor": dice.choice(("Theresa", "operator", "avs-brain")),
        "entity_id": f"cfg_{dice.randrange(5_000)}",
        "detail": {"version": number},
        "occurred_at": START + timedelta(seconds=number * 30 * 86_400 // of),
    }


def timed(client: FlaskClient, path: str, repeat: int) -> Iterator[float]:
    """Milliseconds of each whole request: routing, queries, template, bytes; the first one is not counted."""
    for index in range(repeat + 1):
        start = time.perf_counter()
        answer = client.get(path)
        elapsed = (time.perf_counter() - start) * 1_000
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status}")
        if index:
            yield elapsed


if __name__ == "__main__":
    main()
