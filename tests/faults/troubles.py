"""What every trouble of a store has in common: refusals that say why, probes that tell the truth, a quiet log."""

import re
from collections.abc import Callable

import httpx

from simulation.canonical import JsonObject
from tests.faults.lumina import SUBJECT, WORKSPACE, usage_event
from tests.faults.running import WORKERS, Server, eventually, run_avs

USAGE_FILE = (
    "event_id,event_type,ts,customer_id,segment,resolution,render_mode,output_minutes\n"
    "of_a_file_1,video_render_completed,2026-04-11T08:00:00Z,cust_2001,ai_video_smb,HD,production,3\n"
)
SCREEN_SENTENCES = ('<nav class="rail"', "Not available now", "Back to Home")


def refused(answer: httpx.Response, *codes: str) -> str:
    """The sentence of a refusal with one of these codes, for a program."""
    problem = answer.json()
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json"), answer.text
    assert int(answer.headers["retry-after"]) > 0
    assert problem["code"] in codes, problem
    return str(problem["detail"])


def refused_on_screen(answer: httpx.Response) -> None:
    """The refusal is a page in the product's frame, with a way on."""
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) > 0
    for sentence in SCREEN_SENTENCES:
        assert sentence in answer.text, sentence


def lives_and_delivers(server: Server) -> None:
    """The process lives, and apps get their config. One that waited for the store would be refused, or wait on."""
    for path, parameters in (("/healthz", {}), ("/api/runtime/config", SUBJECT)):
        answer = httpx.get(f"{server.url}{path}", params=parameters, timeout=30)
        assert answer.status_code == 200, answer.text


def new_workspace(server: Server) -> httpx.Response:
    """What an operator sees who begins a workspace on its screen."""
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        typed = {"workspace_name": "Under trouble", "operator_role": "founder"}
        return browser.post("/setup/workspace", data=_token(browser, "/setup/workspace") | typed)


def upload(server: Server) -> httpx.Response:
    """What an operator of the demo's workspace sees who sends a file of usage on its screen."""
    with httpx.Client(base_url=server.url, timeout=60) as browser:
        browser.get("/", params={"workspace": WORKSPACE})
        file = {"usage": ("usage.csv", USAGE_FILE)}
        return browser.post("/setup/data-mode/upload/usage", data=_token(browser, "/setup/data-mode"), files=file)


def _token(browser: httpx.Client, page: str) -> dict[str, str]:
    """What a form of the page sends to show that it is the page's own."""
    (token,) = re.findall(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get(page).text)[:1]
    return {"csrf_token": token}


def unready(server: Server, check: str, *states: str) -> None:
    """`/readyz` comes to say that this check fails with one of these states."""

    def says_so() -> bool:
        answer = httpx.get(f"{server.url}/readyz", timeout=30)
        state = answer.json()["checks"][check]["state"]
        return bool(answer.status_code == 503 and state in states)

    eventually(says_so)


def ready(server: Server) -> float:
    """Wait until every check is well; the seconds that it took."""
    return eventually(lambda: httpx.get(f"{server.url}/readyz", timeout=30).status_code == 200)


def ingest(server: Server, event_id: str) -> httpx.Response:
    return server.post("/api/usage-events", [usage_event(event_id)])


def has_event(server: Server, event_id: str) -> bool:
    """Whether the event is there: sent again, it is a duplicate."""
    receipt: JsonObject = ingest(server, event_id).json()
    return bool(receipt["duplicates"] == 1)


def command_refused(server: Server, *arguments: str, **environment: str) -> str:
    """What a command says that cannot do its work: one sentence, status 1, no traceback."""
    outcome = run_avs(server.data_dir, *arguments, **server.environment | environment)
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    assert "Traceback" not in outcome.stderr, outcome.stderr
    (sentence,) = [line for line in outcome.stderr.splitlines() if line.startswith("Error: ")]
    return sentence


def quiet(server: Server, code: str, *, times: int = 2) -> None:
    """The log has a line when an outage begins and one when it is over, for each process that met it, no traceback."""
    eventually(lambda: _lines(server, code, "begins") == _lines(server, code, "is over"))
    said = server.said()
    assert 1 <= _lines(server, code, "begins") <= times * WORKERS, said
    assert "Traceback" not in said, said


def _lines(server: Server, code: str, what: str) -> int:
    return sum(f"({code}) {what}" in line for line in server.said().splitlines())


def settled(action: Callable[[], httpx.Response], status: int) -> httpx.Response:
    """The answer of an action that is repeated until it has this status, as a client does after `Retry-After`."""
    answers: list[httpx.Response] = []

    def taken() -> bool:
        answers.append(action())
        return answers[-1].status_code == status

    eventually(taken)
    return answers[-1]
