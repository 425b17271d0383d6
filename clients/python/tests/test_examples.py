"""The examples run, as they are, and enforce."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from examples import asgi_middleware, flask_middleware, llm_call

from avs_brain_client import Client
from brain import Brain
from conftest import Connect
from documents import SUBJECT, UNIT, document, pool, rails
from processes import ENVIRONMENT

EXAMPLES = Path(llm_call.__file__).parent
TWO_THEN_STOP: dict[str, Any] = {"pools": [pool(included=2, behavior="hard_stop")]}


@pytest.fixture
def client(brain: Brain, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> Client:
    for example in (asgi_middleware, flask_middleware, llm_call):
        monkeypatch.setattr(example, "UNIT", UNIT)
    brain.activate(document(**TWO_THEN_STOP))
    found = connect()
    found.refresh()
    return found


def test_flask_refuses_the_third_request_and_counts_the_two_that_succeeded(client: Client) -> None:
    app = flask_middleware.create_app(client).test_client()
    statuses = [app.post("/renders", headers={"X-Customer": "c"}).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.usage("c").units[UNIT].used == 2


def test_flask_does_not_count_a_request_that_failed(client: Client) -> None:
    app = flask_middleware.create_app(client).test_client()
    assert app.get("/nowhere", headers={"X-Customer": "c"}).status_code == 404
    assert client.usage("c").units[UNIT].used == 0


def test_flask_lets_nobody_through_who_is_no_customer(client: Client) -> None:
    assert flask_middleware.create_app(client).test_client().post("/renders").status_code == 401


def test_asgi_refuses_the_third_request_and_counts_the_two_that_succeeded(client: Client) -> None:
    app = asgi_middleware.create_app(client)

    async def ask() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as http:
            asked = [http.post("/renders", headers={"X-Customer": "c"}) for _ in range(3)]
            return [(await answer).status_code for answer in asked] + [
                (await http.get("/x", headers=headers)).status_code for headers in ({"X-Customer": "d"}, {})
            ]

    assert asyncio.run(ask()) == [200, 200, 429, 404, 401]
    assert client.usage("c").units[UNIT].used == 2


def test_an_llm_call_counts_the_tokens_that_it_came_to(client: Client, brain: Brain) -> None:
    brain.activate(document(pools=[pool(included=1000, behavior="hard_stop")], sequence=2))
    client.refresh()
    reply = llm_call.metered_call(client, "c", "one two three", llm_call.complete, most_tokens=900)
    assert reply.tokens == 3
    assert client.usage("c").units[UNIT].used == 3
    with pytest.raises(llm_call.Refused):
        llm_call.metered_call(client, "c", "too much", llm_call.complete, most_tokens=998)


def test_an_llm_call_that_fails_costs_nothing(client: Client) -> None:
    def fails(*_: object) -> llm_call.Reply:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        llm_call.metered_call(client, "c", "hello", fails, most_tokens=2)
    assert client.reserve("c", UNIT, 2).decision.allow


def test_a_throttled_customer_gets_the_cheaper_model(client: Client, brain: Brain) -> None:
    thresholds = [{"percent": 1, "action": "degrade_quality"}]
    brain.activate(document(pools=[pool(included=1000)], rails=rails(usage_thresholds=thresholds), sequence=2))
    client.refresh()
    assert "[small]" in llm_call.metered_call(client, "c", "hello", llm_call.complete).text


def test_the_llm_example_runs_from_the_command_line(brain: Brain, tmp_path: Path) -> None:
    brain.activate(document(pools=[pool(included=100)]))
    environment = {
        **ENVIRONMENT,
        "AVS_URL": brain.url,
        "AVS_UNIT": UNIT,
        "AVS_WORKSPACE": SUBJECT["workspace_id"],
        "AVS_SEGMENT": SUBJECT["segment"],
        "AVS_DIRECTORY": str(tmp_path),
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, str(EXAMPLES / "llm_call.py"), "cust_1", "Tell me a story"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "[large] Tell me a story" in done.stdout
    assert "remaining=Decimal('96')" in done.stdout
