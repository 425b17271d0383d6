"""A Node app that follows a real AVS Brain: new versions, a server that is killed, and an app that is killed itself."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from simulation.canonical import JsonObject
from tests.faults.lumina import CANDIDATE, WORKSPACE, approve, simulate
from tests.faults.node import NodeApp, compiled
from tests.faults.running import Server, eventually

BEFORE = "cfg_smb_learning_prod_v1"
KILLS = 20
FOLLOW = """
const client = new Client({ ...GIVEN.options, ...SUBJECT, mode: "stream", flushSeconds: 0.1, log: () => undefined });
client.start();
await client.waitUntilLoaded(60);
let last = "";
for (;;) {
  const { configVersionId } = await client.check("cust_node", "vu_usable_hd_minute", 1);
  const { state, problems } = client.status;
  const now = [configVersionId, state, problems.map((problem) => problem.code)];
  if (JSON.stringify(now) !== last) say(now);
  last = JSON.stringify(now);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
"""
REPORT = """
const counters = new FileCounters(GIVEN.counters);
const options = { ...GIVEN.options, ...SUBJECT, counters, flushSeconds: 0.05, log: () => undefined };
const client = new Client(options).start();
await client.waitUntilLoaded(60);
for (let at = 0; at < GIVEN.most; at += 1) {
  const name = `${GIVEN.name}_${at}`;
  await client.record("cust_node", "vu_usable_hd_minute", 1, { eventId: name });
  client.qualityFailed("cust_node", "vu_usable_hd_minute", name, 2);
  say(name);
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await client.close();
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(tmp_path_factory.mktemp("typescript"))


def start(client: Path, folder: Path, script: str, server: Server, name: str, **given: Any) -> NodeApp:
    options = {"baseUrl": server.url, "directory": str(folder)}
    return NodeApp(client, folder, script, {"name": name, "options": options, **given})


def versions(app: NodeApp) -> list[str]:
    return [line[0] for line in app.lines()]


def test_a_node_app_follows_a_new_version_and_goes_on_when_the_server_is_killed(
    server: Server, client: Path, tmp_path: Path
) -> None:
    server.start()
    app = start(client, tmp_path, FOLLOW, server, "first")
    eventually(lambda: versions(app) == [BEFORE], seconds=60)
    run = simulate(server).json()
    assert approve(server, run["simulation_run_id"]).status_code == 201
    eventually(lambda: versions(app)[-1] == CANDIDATE, seconds=60)
    server.kill()
    eventually(lambda: app.lines()[-1] == [CANDIDATE, "fresh", ["unreachable"]], seconds=60)
    app.kill()
    again = start(client, tmp_path, FOLLOW, server, "again")
    eventually(lambda: versions(again)[-1:] == [CANDIDATE], seconds=60)
    server.start()
    eventually(lambda: again.lines()[-1] == [CANDIDATE, "fresh", []], seconds=60)
    again.kill()


def has_said(app: NodeApp, lines: int) -> Callable[[], bool]:
    return lambda: len(app.lines()) >= lines


def events(server: Server) -> list[JsonObject]:
    """All that the app's customer caused, newest first."""
    collected: list[JsonObject] = []
    cursor: dict[str, str] = {}
    while True:
        page = server.get("/api/enforcement-events", workspace_id=WORKSPACE, limit="200", **cursor).json()
        collected.extend(event for event in page["items"] if event["customer_id"] == "cust_node")
        if page["next_cursor"] is None:
            return collected
        cursor = {"cursor": page["next_cursor"]}


def test_each_event_of_a_node_app_that_is_killed_20_times_arrives_once(
    server: Server, client: Path, tmp_path: Path
) -> None:
    server.start()
    acknowledged: list[str] = []
    for number in range(KILLS):
        app = start(client, tmp_path, REPORT, server, f"k{number}", most=10_000, counters=str(tmp_path / "counters"))
        eventually(has_said(app, 1 + 3 * (number % 5)), seconds=60)
        app.kill()
        acknowledged.extend(app.lines())
    last = start(client, tmp_path, REPORT, server, "last", most=1, counters=str(tmp_path / "counters"))
    assert last.wait() == 0, (tmp_path / "node.log").read_text()
    arrived = events(server)
    named = [event["context"]["signal_id"] for event in arrived if event["event_type"] == "quality_proxy_failed"]
    assert len(named) == len(set(named))
    assert set(acknowledged) <= set(named)
    assert len(set(named) - {*acknowledged, "last_0"}) <= KILLS  # written down, and killed before it said so
    sequences = sorted(event["sequence"] for event in arrived)
    assert sequences == list(range(1, len(sequences) + 1))
    assert len({event["client_id"] for event in arrived}) == 1
