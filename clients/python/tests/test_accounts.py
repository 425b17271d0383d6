"""What counters of an earlier version hold goes on; a text of a later one is left alone."""

from contextlib import closing
from pathlib import Path

import pytest

from avs_brain_client.account import loaded
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool


def test_a_text_of_a_later_format_is_not_read() -> None:
    with pytest.raises(ValueError, match="update this library"):
        loaded('{"format":3,"used":{},"began":{},"holds":{},"fired":[],"approved":[]}')


def test_counts_of_an_earlier_version_go_on_in_the_same_period(brain: Brain, connect: Connect, tmp_path: Path) -> None:
    """By the anchor that the app had set then and has set now."""
    text = '{"used":{"vu_minute":{"3":7000000000000}},"began":{},"holds":{},"fired":[],"approved":[]}'
    path = tmp_path / "counters.sqlite"
    with closing(SqliteCounters(path)) as store:
        store.ledger("ws_1/production")
        with store._file.writing() as database:
            database.execute("INSERT INTO accounts VALUES (?, ?, ?)", ("ws_1/production", "c", text))
    brain.activate(document(pools=[pool(behavior="hard_stop")]))
    with closing(SqliteCounters(path)) as store:
        client = connect(counters=store, period_anchor={"kind": "fixed", "at": "2025-10-01T00:00:00Z"})
        client.refresh()
        assert client.check("c", UNIT).remaining == 3
        client.record("c", UNIT, 2)
        assert client.usage("c").units[UNIT].used == 9
