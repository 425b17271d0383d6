"""Examples of requests and answers, taken from the demo by a test and kept in `examples.json` (spec 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from simulation.canonical import Json, JsonObject, parse_exact

FILE = Path(__file__).with_name("examples.json")


@dataclass(frozen=True)
class Examples:
    """One request and its answer: the parameters by name, the bodies by media type."""

    parameters: Mapping[str, Json] = field(default_factory=dict)
    requests: Mapping[str, Json] = field(default_factory=dict)
    answers: Mapping[str, Json] = field(default_factory=dict)


def examples_of(operation: str) -> Examples:
    """What the demo has for an operation; empty for one that it does not show."""
    known = _kept().get(operation)
    return Examples() if known is None else Examples(**known)


@cache
def _kept() -> JsonObject:
    kept: JsonObject = parse_exact(FILE.read_bytes()) if FILE.exists() else {}
    return kept
