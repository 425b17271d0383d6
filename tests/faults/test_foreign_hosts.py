"""A page of another site gives its name this machine's address: nothing of the running server answers to that name."""

import json

import httpx

from tests.faults.lumina import SUBJECT
from tests.faults.running import Server

REBOUND = "rebound.example"
PATHS = ("/", "/decision-log", "/admin/", "/admin/assets/avs.js", "/healthz", "/nothing", "/api/workspaces")
DELIVERED = ("/api/runtime/config", "/api/runtime/stream")


def addressed(server: Server, host: str, path: str) -> httpx.Response:
    return httpx.get(f"{server.url}{path}", params=SUBJECT, headers={"Host": f"{host}:{server.port}"}, timeout=60)


def test_a_name_that_was_pointed_here_reads_and_writes_nothing_until_it_is_configured(server: Server) -> None:
    server.start()
    for path in (*PATHS, *DELIVERED):
        refused = addressed(server, REBOUND, path)
        assert refused.status_code == 421, path
        assert "AVS_TRUSTED_HOSTS" in refused.text, path
    foreign = {"Host": f"{REBOUND}:{server.port}", "Origin": f"http://{REBOUND}:{server.port}"}
    rolling = {"approver_name": "Mallory", "approver_role": "CEO", "rationale": "One click on a page."}
    refused = httpx.post(f"{server.url}/api/configs/cfg_smb_learning_prod_v1/rollback", json=rolling, headers=foreign)
    assert json.loads(refused.text)["code"] == "host_not_trusted"
    for host in ("127.0.0.1", "localhost", "[::1]"):
        assert addressed(server, host, "/").status_code == 200
        assert addressed(server, host, DELIVERED[0]).status_code == 200
    server.stop()
    server.environment["AVS_TRUSTED_HOSTS"] = REBOUND
    heal_seconds = server.start()
    assert addressed(server, REBOUND, "/").status_code == 200
    assert addressed(server, REBOUND, DELIVERED[0]).status_code == 200
    requests = len(PATHS) + len(DELIVERED) + 1
    print(f"foreign host: {requests} requests refused, answered {heal_seconds:.1f} s after it was set")


def test_a_setting_that_names_no_host_ends_the_start_with_a_sentence(server: Server) -> None:
    server.environment["AVS_TRUSTED_HOSTS"] = "https://avs.example.com/"
    server.launch()
    assert server.wait_until_ended() == 1
    assert "AVS_TRUSTED_HOSTS has 'https://avs.example.com/', which is no host" in server.said()
    assert "Traceback" not in server.said()
