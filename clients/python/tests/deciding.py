"""The shared scenarios of decisions (`clients/scenarios/decisions`): run step by step through a client.

`python tests/deciding.py` writes what this client answers into every file, as what is expected from then on.
"""

import json
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from avs_brain_client import Client, Decision, NeverLoaded, Recorded, Reservation, Statement
from avs_brain_client.account import dumped
from avs_brain_client.clock import parse_moment
from avs_brain_client.json_text import exact_json
from brain import Brain
from conftest import SetClock

FOLDER = Path(__file__).parents[2] / "scenarios" / "decisions"
FILES = sorted(FOLDER.glob("*.json"))
DECISION = ("allow", "action", "reason_code", "pool_id", "remaining", "threshold", "config_version_id")
Answer = Any


def scenario_of(path: Path) -> dict[str, Any]:
    """The file, numbers exact."""
    return dict(json.loads(path.read_bytes(), parse_float=Decimal))


def answers(scenario: Mapping[str, Any], brain: Brain) -> list[Answer]:
    """What the client says at each step; None where a step asks nothing."""
    settings = dict(scenario["settings"])
    days = settings.pop("customer_days", None)
    if days is not None:
        settings["customer_day"] = days.get
    for name in ("period_anchor", "accrues_from"):
        if isinstance(settings.get(name), str):
            settings[name] = datetime.fromisoformat(settings[name].replace("Z", "+00:00"))
    clock = SetClock()
    clock.wall = parse_moment(scenario["steps"][0]["now"])
    subject = next(iter(scenario["documents"].values()))["subject_resolution"]
    with closing(Client(brain.url, **subject, mode="manual", clock=clock, **settings)) as client:
        return _Run(scenario["documents"], client, clock, brain).answers(scenario["steps"])


class _Run:
    """One client that is led through the steps."""

    def __init__(self, documents: Mapping[str, Any], client: Client, clock: SetClock, brain: Brain) -> None:
        self._documents, self._client, self._clock, self._brain = documents, client, clock, brain
        self._reservations: dict[str, Reservation] = {}

    def answers(self, steps: list[dict[str, Any]]) -> list[Answer]:
        return [self._answer(step) for step in steps]

    def _answer(self, step: dict[str, Any]) -> Answer:
        if "now" in step:
            ahead_us = parse_moment(step["now"]) - self._clock.wall
            self._clock.wall += ahead_us
            self._clock.monotonic += ahead_us * 1000
        return getattr(self, f"_{step['do']}")(step)

    def _deliver(self, step: Mapping[str, Any]) -> None:
        self._brain.activate(self._documents[step["document"]])
        self._client.refresh()

    def _check(self, step: Mapping[str, Any]) -> Answer:
        return decision_json(self._client.check(step["customer_id"], step["value_unit_id"], step["quantity"]))

    def _record(self, step: Mapping[str, Any]) -> Answer:
        at = None if "at" not in step else datetime.fromisoformat(step["at"].replace("Z", "+00:00"))
        recorded = self._client.record(
            step["customer_id"], step["value_unit_id"], step["quantity"], event_id=step.get("event_id"), at=at
        )
        return recorded_json(recorded)

    def _record_event(self, step: Mapping[str, Any]) -> Answer:
        return recorded_json(self._client.record_event(step["event"]))

    def _reserve(self, step: Mapping[str, Any]) -> Answer:
        seconds = float(step.get("seconds", 600))
        made = self._client.reserve(step["customer_id"], step["value_unit_id"], step["quantity"], seconds=seconds)
        self._reservations[step["name"]] = made
        return decision_json(made.decision)

    def _commit(self, step: Mapping[str, Any]) -> Answer:
        return recorded_json(self._client.commit(self._reservations[step["name"]], step.get("quantity")))

    def _release(self, step: Mapping[str, Any]) -> None:
        self._client.release(self._reservations[step["name"]])

    def _approve(self, step: Mapping[str, Any]) -> None:
        self._client.approve(step["customer_id"], step["value_unit_id"], approved_by="somebody")

    def _usage(self, step: Mapping[str, Any]) -> Answer:
        at = None if "at" not in step else datetime.fromisoformat(step["at"].replace("Z", "+00:00"))
        try:
            return statement_json(self._client.usage(step["customer_id"], at=at))
        except NeverLoaded:
            return "never_loaded"

    def _account(self, step: Mapping[str, Any]) -> Answer:
        """The account as a text would hold it, with the scenario's names of reservations."""
        text = dumped(self._client._ledger.read(step["customer_id"]))
        for name, reservation in self._reservations.items():
            text = text.replace(reservation.reservation_id, name)
        return json.loads(text)


def decision_json(decision: Decision) -> Answer:
    return {name: getattr(decision, name) for name in DECISION}


def recorded_json(recorded: Recorded) -> Answer:
    return {
        "duplicate": recorded.duplicate,
        "counted": dict(sorted(recorded.counted.items())),
        "fired": sorted(firing.mark for firing in recorded.fired),
    }


def statement_json(statement: Statement) -> Answer:
    return {
        "spend_usd": statement.spend_usd,
        "units": {
            name: {
                "used": use.used,
                "reserved": use.reserved,
                "overage": use.overage,
                "pools": [[pool.pool_id, pool.available, pool.drawn] for pool in use.pools],
                "reached": list(use.reached),
            }
            for name, use in sorted(statement.units.items())
        },
    }


def written(scenario: Mapping[str, Any]) -> str:
    """The file's text: one line for each document and each step."""
    documents = ",\n".join(f"    {json.dumps(n)}: {exact_json(d)}" for n, d in scenario["documents"].items())
    steps = ",\n".join(f"    {exact_json(step)}" for step in scenario["steps"])
    return (
        "{\n"
        f'  "description": {json.dumps(scenario["description"])},\n'
        f'  "settings": {exact_json(scenario["settings"])},\n'
        f'  "documents": {{\n{documents}\n  }},\n'
        f'  "steps": [\n{steps}\n  ]\n'
        "}\n"
    )


def pin(path: Path, brain: Brain) -> None:
    """Write the answers of this client into the file."""
    scenario = scenario_of(path)
    told = answers(scenario, brain)
    steps = [{name: value for name, value in step.items() if name != "expect"} for step in scenario["steps"]]
    scenario["steps"] = [
        step if answer is None else {**step, "expect": answer} for step, answer in zip(steps, told, strict=True)
    ]
    path.write_text(written(scenario))


def main() -> None:
    for path in FILES:
        brain = Brain()
        pin(path, brain)
        brain.stop()
        print(path.name)


if __name__ == "__main__":
    main()
