"""Counter stores that do not answer: decisions go on, nothing is counted twice, nothing silently not at all."""

import socket
import sqlite3
import threading
from pathlib import Path

from avs_brain_client import Clock
from avs_brain_client.counters.redis import RedisCounters
from avs_brain_client.counters.sqlite import SqliteCounters
from brain import Brain
from conftest import Connect
from documents import UNIT, document, pool
from servers import redis_server
from waiting import eventually


def test_with_redis_gone_checks_go_by_what_was_seen_last(brain: Brain, connect: Connect, tmp_path: Path) -> None:
    brain.activate(document(pools=[pool(behavior="hard_stop")]))
    with redis_server(tmp_path) as url:
        store = RedisCounters(url, view_ms=0)
        client = connect(counters=store)
        client.refresh()
        client.record("c", UNIT, 10)
        assert not client.check("c", UNIT).allow
    refused = client.check("c", UNIT)
    assert (refused.allow, refused.reason_code) == (False, "hard_stop")
    nobody_knows = client.check("somebody new", UNIT)
    assert (nobody_knows.allow, nobody_knows.reason_code) == (False, "counters_unavailable")
    assert client.record("c", UNIT, 1).kept
    assert not client.reserve("c", UNIT, 1).decision.allow
    assert "Redis" in str(client.status.problem)
    store.close()


def test_with_a_locked_file_a_record_is_kept_and_counts_once_when_repeated(
    brain: Brain, connect: Connect, tmp_path: Path
) -> None:
    brain.activate(document())
    store = SqliteCounters(tmp_path / "counters.sqlite", timeout_ms=50)
    client = connect(counters=store)
    client.refresh()
    client.record("c", UNIT, 1)
    intruder = sqlite3.connect(tmp_path / "counters.sqlite", isolation_level=None)
    intruder.execute("BEGIN EXCLUSIVE")
    assert client.record("c", UNIT, 2, event_id="evt_1").kept
    assert client.check("c", UNIT).remaining == 7
    intruder.execute("ROLLBACK")
    intruder.close()
    eventually(lambda: client.status.counters.state == "ok", 30)
    assert client.record("c", UNIT, 2, event_id="evt_1").duplicate
    assert client.check("c", UNIT).remaining == 7
    store.close()


class LosesAnswers:
    """A connection to Redis that brings the command there and loses the answer, whenever `lose` is set."""

    def __init__(self, port: int) -> None:
        self.target, self.lose, self.lost = port, False, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            while command := client.recv(65_536):
                server.sendall(command)
                answer = server.recv(65_536)
                if self.lose and b"EVALSHA" in command:
                    self.lose, self.lost = False, self.lost + 1
                    return
                client.sendall(answer)


def test_a_count_whose_answer_got_lost_is_counted_once(brain: Brain, connect: Connect, redis_url: str) -> None:
    brain.activate(document(pools=[pool(included=100)]))
    proxy = LosesAnswers(int(redis_url.rsplit(":", 1)[1]))
    store = RedisCounters(proxy.url, prefix="lost answers")
    client = connect(counters=store, clock=Clock())
    client.refresh()
    for _ in range(5):
        proxy.lose = True
        client.record("c", UNIT, 1)
        eventually(lambda: client.status.counters.state == "ok", 60)
    assert proxy.lost == 5
    assert client.usage("c").units[UNIT].used == 5
    store.close()
    proxy.close()
