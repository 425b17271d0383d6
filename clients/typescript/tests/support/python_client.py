"""Runs cases through the Python client: from a JSON list of cases on stdin to a JSON list of what each came to.

A case is a document, the customers' own days, and steps; see languages.test.ts, which runs the same ones in TypeScript.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parents[3] / "python"
sys.path[:0] = [str(PYTHON / "src"), str(PYTHON / "tests")]

from avs_brain_client import Client, Decision, Reservation  # noqa: E402
from avs_brain_client.account import dumped  # noqa: E402
from avs_brain_client.errors import Malformed  # noqa: E402
from avs_brain_client.json_text import exact_json, number_text, parse_exact  # noqa: E402
from avs_brain_client.reading import parse  # noqa: E402
from brain import Brain  # noqa: E402
from conftest import NOW, SetClock  # noqa: E402
from documents import SUBJECT  # noqa: E402


class Run:
    """One case: its client and what it said."""

    def __init__(self, client: Client, clock: SetClock) -> None:
        self.client, self.clock = client, clock
        self.made: list[Reservation] = []
        self.said: list[Any] = []

    def step(self, step: Mapping[str, Any]) -> None:
        kind, customer, unit = step["kind"], step.get("customer", ""), step.get("unit", "")
        quantity = Decimal(step["quantity"]) if "quantity" in step else None
        match kind:
            case "pass":
                self.clock.pass_seconds(step["seconds"])
                self.client.refresh()
            case "check":
                self.said.append(decision_of(self.client.check(customer, unit, quantity or 0)))
            case "record":
                at = self.clock.wall + step["days"] * 86_400_000_000
                moment = NOW + timedelta(microseconds=at - int(NOW.timestamp()) * 1_000_000)
                found = self.client.record(customer, unit, quantity or 0, event_id=step["id"], at=moment)
                self.said.append([found.duplicate, [firing.key for firing in found.fired]])
            case "event":
                found = self.client.record_event(step["event"])
                counted = {name: number_text(amount) for name, amount in found.counted.items()}
                self.said.append([found.duplicate, counted, [firing.key for firing in found.fired]])
            case "reserve":
                self.made.append(self.client.reserve(customer, unit, quantity or 0, seconds=step["seconds"]))
                self.said.append(decision_of(self.made[-1].decision))
            case "commit" if self.made:
                found = self.client.commit(self.made[step["which"] % len(self.made)], quantity)
                self.said.append([found.duplicate, [firing.key for firing in found.fired]])
            case "release" if self.made:
                self.client.release(self.made[step["which"] % len(self.made)])
            case "approve":
                self.client.approve(customer, unit, approved_by="Theresa")

    def accounts(self) -> dict[str, str]:
        """The text of every account, reservations named by how manyeth they were."""
        texts = {}
        for name, account in sorted(self.client._ledger.snapshots.items()):
            text = dumped(account)
            for number, made in enumerate(self.made):
                text = text.replace(made.reservation_id, f"r{number}")
            texts[name] = text
        return texts

    def statements(self) -> list[Any]:
        names = sorted(self.client._ledger.snapshots)
        return [statement_of(self.client, name) for name in names]


def decision_of(decision: Decision) -> list[Any]:
    numbers = [None if n is None else number_text(n) for n in (decision.remaining, decision.threshold)]
    return [decision.allow, decision.action, decision.reason_code, decision.pool_id, *numbers]


def statement_of(client: Client, name: str) -> list[Any]:
    found = client.usage(name)
    units = {
        unit: [
            *map(number_text, (use.used, use.reserved, use.overage)),
            [[pool.pool_id, number_text(pool.available), number_text(pool.drawn)] for pool in use.pools],
            [*map(number_text, use.reached)],
        ]
        for unit, use in found.units.items()
    }
    bill = found.bill
    lines = (bill.fees, bill.prepaid, bill.overage, bill.commit_true_up, bill.credits_drawn)
    return [found.period, units, number_text(found.spend_usd), [*map(number_text, lines)]]


def result_of(brain: Brain, case: Mapping[str, Any]) -> Any:
    if "steps" not in case:
        return readable(case["document"])
    clock = SetClock()
    brain.activate(parse_exact(case["document"]))
    with closing(Client(brain.url, **SUBJECT, mode="manual", clock=clock, customer_day=case["days"].get)) as client:
        client.refresh()
        run = Run(client, clock)
        for step in case["steps"]:
            run.step(step)
        events = [told(event.body) for event in client._queue.waiting(10_000)]
        return {"said": run.said, "accounts": run.accounts(), "statements": run.statements(), "events": events}


def told(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """An event; where every call is one of its own, without the id that chance gave it."""
    by_chance = event["event_type"] == "override_approved"
    return {name: value for name, value in event.items() if not (by_chance and name == "enforcement_event_id")}


def readable(text: str) -> bool:
    try:
        parse(text.encode())
    except Malformed:
        return False
    return True


def main() -> None:
    brain = Brain()
    print(exact_json([result_of(brain, case) for case in json.load(sys.stdin)]))
    brain.stop()


if __name__ == "__main__":
    main()
