"""The loader: once, twice, half-way, and never over what operators made (spec 8)."""

import json
import threading
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from app.models.base import AnySession, db
from app.models.config_version import ConfigVersion
from app.models.cycle import LearningLogEntry
from app.models.decision_record import DecisionRecord
from app.models.product_event import ProductEvent
from app.models.runtime_config import RuntimeConfig
from app.models.transactions import write
from app.models.value_unit import ValueUnitDefinition
from app.models.workspace import Workspace
from app.services.configs.lookup import get_config
from app.services.configs.reading import current_hash
from app.services.delivery.current import read
from app.services.usage.fields import Policy
from app.services.usage.formats import Rows
from app.services.usage.origins import Arrival
from app.services.usage.store import EventStore, Receipt
from seed.loader import SeedReport, ensure_seeded, load_seed
from seed.problems import SeedError
from simulation.canonical import Json, parse_exact
from tests.present import present
from tests.seed.conftest import NOW
from tests.seed.tables import contents, digests

PRODUCTION = {
    "workspace_id": "ws_1049",
    "segment": "ai_video_smb",
    "stage": "learning",
    "target_environment": "production",
}


def test_every_row_of_every_file_is_loaded(session: AnySession, store: EventStore, directory: Path) -> None:
    report = load_seed(session, store, now=NOW, with_growth=False)
    rows = {file.name: len(json.loads(file.read_text())) for file in directory.glob("*.json")}
    events = rows.pop("usage_events.json")
    assert report.added == rows
    assert report.usage_events_added == events == store.snapshot("ws_1049").row_count == 6


def test_loading_twice_changes_nothing(demo: AnySession, store: EventStore) -> None:
    before, events = contents(demo), digests(store)
    report = load_seed(demo, store, now=NOW + timedelta(days=1), with_growth=False)
    assert not report.changed
    assert (contents(demo), digests(store)) == (before, events)


def test_an_active_config_is_what_customer_apps_read(demo: AnySession) -> None:
    found = read(demo, PRODUCTION, now=NOW)
    document = parse_exact(present(found.document))
    assert document["config_version_id"] == "cfg_smb_learning_prod_v1"
    assert document["governance"]["approval_ref"] == "dec_prod_v1_active"
    assert document["governance"]["audit"][2]["by"] == "Theresa, CEO"
    assert document["generated_at"] == document["effective_at"] == "2026-01-15T00:00:00Z"
    assert demo.scalar(sa.select(sa.func.count()).select_from(RuntimeConfig)) == 2


def test_the_runs_saw_what_their_configs_still_say(demo: AnySession) -> None:
    for decision in demo.scalars(sa.select(DecisionRecord)):
        config = decision.config_version
        assert decision.simulation_run.candidate_content_hash == config.content_hash == current_hash(demo, config)


def test_a_snapshot_comes_with_its_learning_log_entry(demo: AnySession) -> None:
    entry = demo.scalars(sa.select(LearningLogEntry)).one()
    assert entry.detail["snapshot_version"] == 1
    assert {change["op"] for change in entry.detail["changes"]} == {"add"}


def test_the_load_is_logged_once(demo: AnySession, store: EventStore) -> None:
    load_seed(demo, store, now=NOW, with_growth=False)
    logged = demo.scalars(sa.select(ProductEvent).filter_by(event_name="seed_loaded")).one()
    assert logged.detail == {"rows": 31, "usage_events": 6, "growth": False}


def test_what_operators_changed_stays(demo: AnySession, store: EventStore) -> None:
    with write(demo):
        demo.get_one(Workspace, "ws_1049").workspace_name = "Ours now"
        demo.get_one(ValueUnitDefinition, "vu_draft_export").quality_note = "Mended"
    before = contents(demo)
    assert not load_seed(demo, store, now=NOW, with_growth=False).changed
    assert contents(demo) == before


def test_what_operators_deleted_comes_back_when_asked_for(demo: AnySession, store: EventStore) -> None:
    with write(demo):
        demo.delete(get_config(demo, "cfg_smb_learning_prod_v2_candidate"))
    report = load_seed(demo, store, now=NOW, with_growth=False)
    assert {file: count for file, count in report.added.items() if count} == {"configs.json": 1}
    assert len(get_config(demo, "cfg_smb_learning_prod_v2_candidate").pools) == 2


def test_a_row_that_collides_with_an_operators_is_named_and_nothing_changes(
    demo: AnySession, store: EventStore
) -> None:
    with write(demo):
        candidate = get_config(demo, "cfg_smb_learning_prod_v2_candidate")
        own = {column.key: getattr(candidate, column.key) for column in ConfigVersion.__table__.columns}
        demo.delete(candidate)
        demo.flush()
        demo.add(ConfigVersion(**own | {"config_version_id": "cfg_own_v2"}))
        demo.delete(demo.get(ValueUnitDefinition, "vu_draft_export"))
    before = contents(demo)
    with pytest.raises(SeedError, match=r"configs\.json row 3: does not fit what is stored already"):
        load_seed(demo, store, now=NOW, with_growth=False)
    assert contents(demo) == before


def test_one_bad_row_means_that_nothing_is_written(session: AnySession, store: EventStore, directory: Path) -> None:
    spoil(directory, "usage_events.json", 4, "resolution_typo", "4K")
    before = contents(session)
    with pytest.raises(SeedError, match=r"usage_events\.json row 5 resolution_typo"):
        load_seed(session, store, now=NOW, directory=directory)
    assert contents(session) == before
    assert store.snapshot("ws_1049").row_count == 0


def test_what_only_the_event_store_refuses_is_named_and_nothing_is_written(
    session: AnySession, store: EventStore, directory: Path
) -> None:
    spoil(directory, "usage_events.json", 2, "resolution", "x" * 1_001)
    with pytest.raises(SeedError, match=r"usage_events\.json row 3 resolution: .*longer"):
        load_seed(session, store, now=NOW, directory=directory, with_growth=False)
    assert not any(contents(session).values())


def test_a_decision_on_a_run_of_other_content_is_refused(
    session: AnySession, store: EventStore, directory: Path
) -> None:
    rows = json.loads((directory / "configs.json").read_text())
    rows[1]["rails"]["monthly_spend_cap_usd"] = 601
    (directory / "configs.json").write_text(json.dumps(rows))
    with pytest.raises(SeedError, match=r"decision_records\.json row 2 simulation_run_id: sim_prod_v1 saw other"):
        load_seed(session, store, now=NOW, directory=directory, with_growth=False)
    assert not any(contents(session).values())


class DyingStore(EventStore):
    """Commits the events, and is gone before anybody learns of it."""

    def ingest(self, rows: Rows, policy: Policy, arrival: Arrival | None = None) -> Receipt:
        super().ingest(rows, policy, arrival)
        raise ConnectionAbortedError


def test_a_crash_after_the_events_is_mended_by_the_next_run(session: AnySession, store: EventStore) -> None:
    dying = DyingStore(store.root)
    with pytest.raises(ConnectionAbortedError):
        load_seed(session, dying, now=NOW, with_growth=False)
    dying.close()
    assert not any(contents(session).values())
    assert store.snapshot("ws_1049").row_count == 6
    report = load_seed(session, store, now=NOW, with_growth=False)
    assert report.usage_events_added == 0
    assert report.added["configs.json"] == 3
    assert store.snapshot("ws_1049").row_count == 6


def test_a_first_start_seeds_and_a_later_one_does_not_look_twice(demo: AnySession, store: EventStore) -> None:
    assert ensure_seeded(demo, store, now=NOW) is None


def test_of_two_processes_that_start_at_once_one_seeds(app: Flask, store: EventStore) -> None:
    reports: list[SeedReport] = []

    def start() -> None:
        with app.app_context():
            reports.append(load_seed(db.session, store, now=NOW, with_growth=False, only_first=True))
            db.session.remove()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report.changed for report in reports) == [False, True]


def spoil(directory: Path, file: str, index: int, field: str, value: Json) -> None:
    """Set one field of one row."""
    rows = json.loads((directory / file).read_text())
    rows[index][field] = value
    (directory / file).write_text(json.dumps(rows))
