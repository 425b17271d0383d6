"""Regenerating the frozen files of ws_1049: snapshots, runs, patches and decisions, made by the services themselves.

    python -m seed.generate

writes value_unit_snapshots.json, simulation_runs.json, billing_patches.json and decision_records.json from the other
files. Times and ids are fixed, so the bytes change only when the facts or the rules of the product do.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import sqlalchemy as sa
from sqlalchemy.orm import Session

from app.actor import Actor
from app.models.base import Model
from app.models.billing_patch import BillingPatch
from app.models.config_version import ConfigVersion
from app.models.decision_record import DecisionRecord
from app.models.simulation_run import SimulationRun
from app.models.transactions import configure
from app.models.value_unit import ValueUnitSnapshot
from app.services.authoring import unit_snapshots
from app.services.configs import editing
from app.services.decisions import activation
from app.services.simulations import runs
from app.services.usage.store import EventStore, UsageEvents
from rules.enums import ConfigStatus, HistoricalWindow
from seed.loader import DEMO_EVENTS, SEED_DIR
from seed.reading import Values, read_files
from seed.schemas import FILES
from seed.tables import TABLES, config_from
from simulation.canonical import Json, JsonObject, canonical_text, parse_exact

_MODELS: Mapping[str, type[ValueUnitSnapshot | SimulationRun | BillingPatch | DecisionRecord]] = MappingProxyType(
    {
        "value_unit_snapshots.json": ValueUnitSnapshot,
        "simulation_runs.json": SimulationRun,
        "billing_patches.json": BillingPatch,
        "decision_records.json": DecisionRecord,
    }
)
GENERATED = tuple(_MODELS)
OPERATOR = Actor("Theresa", "founder")
CYCLE = "cycle_2026_01_prod_90d"


@dataclass(frozen=True)
class Decided:
    """A decision of section 8, with the moments of its run and of itself; `effective_at` None means at once."""

    config_version_id: str
    decision_id: str
    simulation_run_id: str
    simulated_at: datetime
    decided_at: datetime
    rationale: str
    effective_at: datetime | None = None


SNAPSHOT_AT = datetime(2026, 1, 6, 9, tzinfo=UTC)
DECISIONS = (
    Decided(
        "cfg_smb_learning_sandbox_v1",
        "dec_sandbox_v1_active",
        "sim_sandbox_v1",
        datetime(2026, 1, 10, 14, tzinfo=UTC),
        datetime(2026, 1, 10, 16, tzinfo=UTC),
        "Five free HD minutes and draft exports show what studios try first. It runs below the margin floor, which a "
        "sandbox may while we learn.",
    ),
    Decided(
        "cfg_smb_learning_prod_v1",
        "dec_prod_v1_active",
        "sim_prod_v1",
        datetime(2026, 1, 14, 21, tzinfo=UTC),
        datetime(2026, 1, 14, 23, tzinfo=UTC),
        "Every HD minute is paid from the first one: margin 0.7 in January, above the floor, and no risk found.",
        datetime(2026, 1, 15, tzinfo=UTC),
    ),
)


def main() -> None:
    """Rewrite the generated files in place."""
    for file, text in regenerated(SEED_DIR).items():
        (SEED_DIR / file).write_text(text, encoding="utf-8")


def regenerated(directory: Path) -> dict[str, str]:
    """The text of each generated file, from the others in the directory; nothing is written there."""
    with tempfile.TemporaryDirectory() as folder, _workplace(Path(folder)) as session:
        _load_facts(session, directory)
        store = EventStore(Path(folder) / "usage")
        _decide(session, UsageEvents(store, directory / DEMO_EVENTS.name))
        store.close()
        return {file: _text(_rows(session, file)) for file in GENERATED}


@contextmanager
def _workplace(folder: Path) -> Iterator[Session]:
    """A database of its own, gone afterwards."""
    engine = sa.create_engine(f"sqlite:///{folder / 'seed.db'}")
    configure(engine)
    Model.metadata.create_all(engine)
    with Session(engine, expire_on_commit=False) as session:
        yield session
    engine.dispose()


def _load_facts(session: Session, directory: Path) -> None:
    """The rows that people write; configs as the drafts they were."""
    authored = [file for file in FILES if file not in GENERATED]
    files, problems = read_files(directory, authored)
    if problems:
        raise SystemExit("\n".join(map(str, problems)))
    for file in authored:
        if file in TABLES and file != "configs.json":
            for row in files.rows[file]:
                TABLES[file].add(session, row)
    unit_snapshots.submit_snapshot(
        session, CYCLE, actor=OPERATOR, now=SNAPSHOT_AT, snapshot_id=f"vus_{CYCLE.removeprefix('cycle_')}_1"
    )
    for row in files.rows["configs.json"]:
        draft = config_from(row.values | {"status": ConfigStatus.DRAFT.value, "effective_at": None})
        session.add(draft)
        editing.refresh(session, draft, row.values["created_at"])


def _decide(session: Session, usage: UsageEvents) -> None:
    """Simulate over the demo events, approve, and promote when the moment comes."""
    for step in DECISIONS:
        config = session.get_one(ConfigVersion, step.config_version_id)
        request = runs.Request(step.config_version_id, HistoricalWindow.MOCKED, config.segment)
        prepared = runs.prepare(session, request)
        answer = runs.compute(prepared, usage, step.simulated_at)
        runs.record(session, prepared, answer, actor=OPERATOR, now=step.simulated_at, run_id=step.simulation_run_id)
        activation.approve(
            session,
            step.config_version_id,
            step.simulation_run_id,
            activation.Approval("Theresa", "CEO", step.rationale, step.effective_at),
            actor=OPERATOR,
            now=step.decided_at,
            decision_id=step.decision_id,
        )
        if step.effective_at:
            activation.activate_due(session, now=step.effective_at)
    session.flush()


def _rows(session: Session, file: str) -> list[Values]:
    """The rows of a table with the fields of its seed file, oldest first; documents as the database gives them back."""
    session.expire_all()
    model = _MODELS[file]
    names = list(FILES[file][0]().fields)
    rows = session.scalars(sa.select(model).order_by(model.created_at, TABLES[file].key))
    return [{name: getattr(row, name) for name in names} for row in rows]


def _text(rows: list[Values]) -> str:
    """JSON to be read by people: canonical values, two spaces a level, fields in the schema's order."""
    return _pretty([_plain(row) for row in rows], "") + "\n"


def _plain(row: Values) -> JsonObject:
    """Moments and numbers as their JSON text says them, nested keys in canonical order."""
    return {name: parse_exact(canonical_text(value)) for name, value in row.items()}


def _pretty(value: Json, indent: str) -> str:
    deeper = indent + "  "
    if isinstance(value, Mapping) and value:
        lines = [f"{deeper}{canonical_text(key)}: {_pretty(item, deeper)}" for key, item in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(deeper + _pretty(item, deeper) for item in value) + f"\n{indent}]"
    return canonical_text(value)


if __name__ == "__main__":
    main()
