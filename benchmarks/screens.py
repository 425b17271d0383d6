"""How quickly the operator's screens answer: whole pages through the WSGI app, on the demo and beside 10,000 configs.

    python -m benchmarks.screens [--configs 10000] [--repeat 21]

Needed: 150 ms at the median.
"""

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

import sqlalchemy as sa
from flask import Flask

from app import clock, extensions
from app.models.base import Model, db
from app.models.config_version import ConfigVersion, ExplorationRule, Pool, RailRule
from app.models.transactions import write
from benchmarks.grids import migrated, timed
from seed.loader import load_seed
from simulation.canonical import Json, JsonObject

CYCLE, CONFIG = "cycle_2026_growth_prod_90d", "cfg_growth_smb_learning_prod_v3_candidate"
PARTS = (ConfigVersion, Pool, ExplorationRule, RailRule)
BATCH = 1_000
PAGES = (
    "/",
    "/setup/data-mode",
    "/cycles/new/context",
    f"/cycles/new/north-star?cycle={CYCLE}",
    f"/cycles/{CYCLE}/value-units",
    f"/cycles/{CYCLE}/value-units/submit",
    f"/cycles/{CYCLE}/configs/new",
    f"/configs/{CONFIG}/pools",
    f"/configs/{CONFIG}/exploration",
    f"/configs/{CONFIG}/rails",
    f"/configs/{CONFIG}/simulate",
    f"/configs/{CONFIG}/review",
    f"/configs/{CONFIG}/approve",
    "/decision-log",
    "/decision-log/dec_growth_smb_v2",
    "/decision-log/compare?left=dec_growth_smb_v1&right=dec_growth_smb_v2",
    "/catalogs",
    "/cycles",
    "/configs",
    "/usage",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configs", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        app = migrated(f"sqlite:///{Path(folder) / 'avs.db'}", Path(folder))
        with app.app_context():
            load_seed(db.session, extensions.usage_events().store, now=clock.now(), with_growth=True)
        demo = medians(app, options.repeat)
        with app.app_context():
            multiply(options.configs)
        many = medians(app, options.repeat)
    print(f"| page, p50 ms | demo | beside {options.configs:,} configs |\n|---|---:|---:|")
    for page in PAGES:
        print(f"| {page.split('?')[0]} | {demo[page]:.0f} | {many[page]:.0f} |")


def medians(app: Flask, repeat: int) -> dict[str, float]:
    client = app.test_client()
    client.get("/?workspace=ws_2049")  # where the operator works from now on
    return {page: statistics.median(timed(client, page, repeat)) for page in PAGES}


def multiply(configs: int) -> None:
    """That many drafts of the same subject and cycle, each with the candidate's parts."""
    rows = {model: [dict(row) for row in _rows_of(model)] for model in PARTS}
    for first in range(0, configs, BATCH):
        with write(db.session):
            for model in PARTS:
                copies = [copy(row, number) for number in range(first, first + BATCH) for row in rows[model]]
                if copies:
                    db.session.execute(sa.insert(model), copies)


def _rows_of(model: type[Model]) -> list[sa.RowMapping]:
    table = model.__table__
    return list(db.session.execute(sa.select(table).where(table.c.config_version_id == CONFIG)).mappings())


def copy(row: Mapping[str, Json], number: int) -> JsonObject:
    changed: JsonObject = {"config_version_id": f"cfg_copy_{number}"}
    if "version" in row:
        changed |= {"version": 1_000 + number, "status": "draft"}
    return {**row, **changed}


if __name__ == "__main__":
    main()
