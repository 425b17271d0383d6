"""No page speaks in ids or canonical field names: not on the demo, and not where every id was made."""

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.ids import new_id
from app.models.base import db
from app.models.transactions import write
from app.services.decisions import activation
from rules.labels import MISSING
from rules.registry import ADVISORY, CODES
from tests import factories as f
from tests.admin_views.demo import CANDIDATE, CYCLE, addresses, simulate
from tests.admin_views.prose import field_names, raw_ids


def said(client: FlaskClient, address: str) -> list[str]:
    """The sentences of a page that no operator should have to read."""
    answer = client.get(address, follow_redirects=True)
    assert answer.status_code == 200, address
    return [f"{address}: {text}" for text in (*raw_ids(answer.text), *field_names(answer.text))]


def test_no_screen_of_the_demo_speaks_in_ids_or_field_names(demo: FlaskClient) -> None:
    decided = ("dec_sandbox_v1_active", "dec_prod_v1_active")
    shown = addresses(CYCLE, (CANDIDATE, "cfg_smb_learning_prod_v1"), decided)
    assert [text for address in shown for text in said(demo, address)] == []


class Made:
    """A workspace whose ids were all made: an active config, a draft that lacks nearly everything, and a decision."""

    def __init__(self) -> None:
        self.workspace, self.cycle, self.unit = new_id("ws_"), new_id("cycle_"), new_id("vu_")
        self.active, self.draft = new_id("cfg_"), new_id("cfg_")
        with write(db.session):
            self._foundation()
            self._config(self.active, target_environment="sandbox", **self._content())
        run_id = simulate(self.active)
        with write(db.session):
            record = activation.approve(db.session, self.active, run_id, f.APPROVAL, actor=f.OPERATOR, now=f.NOW)
            self.decision = str(record.decision_id)
            self._config(self.draft, pools=[], rails={}, price_book_ref=None, exploration={"enabled": True})

    def _foundation(self) -> None:
        f.catalogs(db.session)
        f.workspace(db.session, self.workspace)
        f.cycle(db.session, self.cycle, workspace_id=self.workspace)
        f.snapshot(db.session, self.cycle, f.HD_MINUTE | {"value_unit_id": self.unit, "quality_signal_source": []})

    def _config(self, config_version_id: str, **changes: Any) -> None:
        own = {"workspace_id": self.workspace, "cycle_id": self.cycle}
        f.config(db.session, config_version_id, **f.SUBJECT | own | changes)

    def _content(self) -> dict[str, Any]:
        """A pool to sell from and one to explore with, both on the unit."""
        core, free = (f.CORE | {"value_unit_id": self.unit}, f.EXPLORATION_POOL | {"value_unit_id": self.unit})
        paying = new_id("pool_")
        pools = [core | {"pool_id": new_id("pool_")}, free | {"pool_id": paying}]
        return {"pools": pools, "exploration": f.EXPLORATION | {"exploration_pool_id": paying}}


@pytest.fixture
def made(sqlite_app: Flask) -> tuple[FlaskClient, Made]:
    records = Made()
    client = sqlite_app.test_client()
    client.get(f"/?workspace={records.workspace}")
    return client, records


def test_no_screen_speaks_in_ids_that_were_made(made: tuple[FlaskClient, Made]) -> None:
    client, records = made
    shown = addresses(records.cycle, (records.active, records.draft), (records.decision,))
    assert [text for address in shown for text in said(client, address)] == []


def test_what_is_missing_has_words_for_every_code_that_blocks() -> None:
    assert set(MISSING) - {"workspace_missing"} == set(CODES) - {rule.code for rule in ADVISORY}
