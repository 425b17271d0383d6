"""The renderings of two patches, to the byte: what is handed to a ledger changes only on purpose."""

from datetime import UTC, datetime

import pytest
from flask import Flask

from app.extensions import usage_events
from app.models.base import db
from app.services.billing import ledger_patches
from app.services.billing.ledgers.registry import LEDGERS, NAMES
from app.services.billing.ledgers.rendering import Ledger, render
from app.services.billing.patches import patch_of
from seed.loader import load_seed
from simulation.canonical import canonical_bytes
from tests.services.billing.ledgers import examples
from tests.services.golden_files import matches_golden

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def test_the_lumina_demo_patch_is_the_golden_one_for_every_ledger(sqlite_app: Flask) -> None:
    load_seed(db.session, usage_events().store, now=NOW, with_growth=False)
    patch = patch_of(db.session, "cfg_smb_learning_sandbox_v1", now=NOW)
    for name in NAMES:
        assert matches_golden(
            f"ledgers/lumina_{name}.json", canonical_bytes(ledger_patches.rendered(db.session, patch, name))
        )


@pytest.mark.parametrize("ledger", LEDGERS, ids=NAMES)
def test_a_sub_cent_patch_is_the_golden_one(ledger: Ledger) -> None:
    assert matches_golden(f"ledgers/sub_cent_{ledger.name}.json", canonical_bytes(render(ledger, examples.sub_cent())))
