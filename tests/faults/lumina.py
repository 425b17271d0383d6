"""What people and apps do on the demo while something breaks: send usage, simulate, approve, read the config."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from simulation.canonical import JsonObject
from tests.faults.running import Server, eventually

WORKSPACE, SEGMENT = "ws_1049", "ai_video_smb"
CANDIDATE = "cfg_smb_learning_prod_v2_candidate"
SUBJECT = {
    "workspace_id": WORKSPACE,
    "segment": SEGMENT,
    "stage": "learning",
    "target_environment": "production",
}
BATCH_EVENTS = 20
QUESTION: JsonObject = {"candidate_config_version_id": CANDIDATE, "historical_window_days": 30}
DECIDED = {
    "approver_name": "Theresa",
    "approver_role": "CEO",
    "rationale": "It holds.",
    "effective_at": "2026-01-05T00:00:00Z",
}


def usage_event(event_id: str) -> JsonObject:
    """One event of the demo workspace that no seed contains."""
    return {
        "event_id": event_id,
        "event_type": "video_render_completed",
        "ts": "2026-04-10T08:00:00Z",
        "workspace_id": WORKSPACE,
        "customer_id": "cust_fault",
        "segment": SEGMENT,
        "resolution": "HD",
        "render_mode": "production",
        "output_minutes": 1,
    }


def simulate(server: Server, candidate: str = CANDIDATE) -> httpx.Response:
    return server.post("/api/simulations", QUESTION | {"candidate_config_version_id": candidate})


def approve(server: Server, simulation_run_id: str, candidate: str = CANDIDATE) -> httpx.Response:
    which = {"config_version_id": candidate, "simulation_run_id": simulation_run_id}
    return server.post("/api/approve", DECIDED | which)


def config(server: Server) -> httpx.Response:
    """The document that apps of the demo's first segment get."""
    return server.get("/api/runtime/config", **SUBJECT)


@dataclass
class UsageSender:
    """An app's backend that sends usage in batches and remembers which events were acknowledged."""

    server: Server
    name: str
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    """Batches that were answered with an error or not at all; the sender sends each again until it is taken."""
    _stop: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        number = 0
        while not self._stop.is_set():
            event_ids = [f"{self.name}_{number}_{position}" for position in range(BATCH_EVENTS)]
            if self._taken(event_ids):
                self.acknowledged.update(event_ids)
                number += 1
            else:
                self.refused += 1
                self._stop.wait(0.1)

    def _taken(self, event_ids: list[str]) -> bool:
        try:
            answer = self.server.post("/api/usage-events", [usage_event(event_id) for event_id in event_ids])
        except httpx.TransportError:
            return False
        if answer.status_code != 202:
            return False
        receipt = answer.json()
        return bool(receipt["accepted"] + receipt["duplicates"] == BATCH_EVENTS)

    def wait_for_more(self) -> None:
        """Until another batch is acknowledged: usage comes in now."""
        before = len(self.acknowledged)
        eventually(lambda: len(self.acknowledged) > before)

    def lost(self) -> set[str]:
        """Acknowledged events that the server does not have: it takes for new what is sent again."""
        missing: set[str] = set()
        event_ids = sorted(self.acknowledged)
        for start in range(0, len(event_ids), 1000):
            part = event_ids[start : start + 1000]
            answer = self.server.post("/api/usage-events", [usage_event(event_id) for event_id in part])
            receipt = answer.json()
            if receipt["duplicates"] != len(part):
                missing.update(part)
        return missing


@contextmanager
def sending(server: Server, name: str) -> Iterator[UsageSender]:
    """Usage comes in on a thread of its own while the block runs."""
    sender = UsageSender(server, name)
    thread = threading.Thread(target=sender.send)
    thread.start()
    try:
        yield sender
    finally:
        sender._stop.set()
        thread.join(90)
