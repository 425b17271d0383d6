"""An account is one text for the clients of every language: the shared ones are read and written the same."""

import json
from pathlib import Path

import pytest

from avs_brain_client.account import dumped, loaded
from avs_brain_client.periods import PeriodSetting

FOLDER = Path(__file__).parents[2] / "scenarios" / "accounts"
TEXTS = sorted(FOLDER.glob("*.json"))


def test_the_shared_accounts_are_there() -> None:
    assert len(TEXTS) >= 5


@pytest.mark.parametrize("path", TEXTS, ids=[path.stem for path in TEXTS])
def test_a_client_writes_the_account_that_it_read(path: Path) -> None:
    scenario = json.loads(path.read_bytes())
    assert dumped(loaded(scenario["text"])) == scenario["text"]


@pytest.mark.parametrize("path", TEXTS, ids=[path.stem for path in TEXTS])
def test_a_client_writes_an_earlier_account_in_the_form_of_now(path: Path) -> None:
    scenario = json.loads(path.read_bytes())
    account = loaded(scenario.get("earlier", scenario["text"]))
    assert dumped(account.renamed(PeriodSetting().key_of_numbered)) == scenario["text"]
