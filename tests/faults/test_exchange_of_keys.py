"""Keys are exchanged in steps while a server runs and dies: apps that pin a key set enforce through all of them."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

from simulation.canonical import JsonObject
from tests.faults.lumina import SUBJECT, config
from tests.faults.node import NodeApp, compiled
from tests.faults.running import Server, eventually, run_avs

CLIENT = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
ENFORCE = """
import json, sys
from avs_brain_client import Client, UnknownKey
given = json.loads(sys.argv[1])
with Client(given["base_url"], keys=given["keys"], mode="manual", **given["subject"]) as client:
    try:
        client.refresh()
        print(client.status.state)
    except UnknownKey:
        print("UnknownKey")
"""
FOLLOW_IN_NODE = """
const client = new Client({ ...GIVEN.options, ...SUBJECT, mode: "poll", pollSeconds: 0.1, log: () => undefined });
client.start();
let last = "";
for (;;) {
  const { state, problems } = client.status;
  const now = [state, problems.map((problem) => problem.code)];
  if (JSON.stringify(now) !== last) say(now);
  last = JSON.stringify(now);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
"""
ASKED = 12
"""How often every worker is asked: new connections go to all of them."""


def published(server: Server) -> list[str]:
    """The keys that clients may trust."""
    return [key["kid"] for key in server.get("/api/runtime/keys").json()["keys"]]


def signing(server: Server) -> set[str]:
    """The keys by which the workers sign."""
    return {_kid(config(server).headers["AVS-Signature"]) for _ in range(ASKED)}


def _kid(signature: str) -> str:
    protected = signature.split(".")[0]
    header: JsonObject = json.loads(base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)))
    return str(header["kid"])


def pin(server: Server, file: Path) -> None:
    """Give apps the key set as it is published now, as who deploys them would."""
    file.write_bytes(server.get("/api/runtime/keys").content)


def enforced(server: Server, pinned: Path) -> str:
    """How an app that was started just now, without memory and with this key set, has its config; else the refusal."""
    given = json.dumps({"base_url": server.url, "keys": str(pinned), "subject": SUBJECT})
    environment = os.environ | {"PYTHONPATH": str(CLIENT)}
    done = subprocess.run([sys.executable, "-c", ENFORCE, given], env=environment, capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def keys(server: Server, *arguments: str, status: int = 0) -> str:
    """What a command of `avs keys` says."""
    done = run_avs(server.data_dir, "keys", *arguments, **server.environment)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def killed_and_started(server: Server) -> None:
    server.kill()
    server.start()


def test_pinned_apps_follow_an_exchange_of_keys_whose_server_is_killed_between_all_steps(
    server: Server, tmp_path: Path
) -> None:
    pinned = tmp_path / "avs-keys.json"
    server.start()
    pin(server, pinned)
    (old,) = published(server)

    keys(server, "add")
    before, new = published(server)
    assert (before, signing(server)) == (old, {old})
    assert enforced(server, pinned) == "fresh"
    assert "may go on with what they had" in keys(server, "use", status=1)
    killed_and_started(server)
    assert (published(server), signing(server)) == ([old, new], {old})
    assert "signs nothing yet" in run_avs(server.data_dir, "doctor", "--port", "0", **server.environment).stdout

    only_the_old = tmp_path / "old-keys.json"
    only_the_old.write_bytes(pinned.read_bytes())
    pin(server, pinned)
    assert enforced(server, pinned) == "fresh"
    assert f"{new} signs from now on" in keys(server, "use", "--now")
    eventually(lambda: signing(server) == {new})
    assert enforced(server, pinned) == "fresh"
    assert enforced(server, only_the_old) == "UnknownKey"
    killed_and_started(server)
    assert (published(server), signing(server)) == ([new, old], {new})

    keys(server, "retire", old, "--now")
    assert (published(server), signing(server)) == ([new], {new})
    pin(server, pinned)
    killed_and_started(server)
    assert enforced(server, pinned) == "fresh"


def test_a_pinned_node_app_that_runs_on_follows_an_exchange_of_keys_through_kills_of_the_server(
    server: Server, tmp_path: Path
) -> None:
    """Who runs it replaces the file of pinned keys between the two steps; the app is never started again."""
    typescript = compiled(tmp_path / "typescript")
    pinned = tmp_path / "avs-keys.json"
    server.start()
    pin(server, pinned)
    (old,) = published(server)
    given = {"name": "running", "options": {"baseUrl": server.url, "keys": str(pinned)}}
    app = NodeApp(typescript, tmp_path, FOLLOW_IN_NODE, given)
    try:
        eventually(lambda: app.lines()[-1:] == [["fresh", []]], seconds=60)
        keys(server, "add")
        _, new = published(server)
        server.kill()
        eventually(lambda: app.lines()[-1][1] == ["unreachable"], seconds=60)
        server.start()
        pin(server, pinned)
        keys(server, "use", "--now")
        eventually(lambda: signing(server) == {new})
        server.kill()
        server.start()
        keys(server, "retire", old, "--now")
        eventually(lambda: app.lines()[-1] == ["fresh", []], seconds=60)
        assert all("config_refused" not in problems for _, problems in app.lines())
        assert app.process.poll() is None
    finally:
        app.kill()
