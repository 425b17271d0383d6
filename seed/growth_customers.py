"""The 240 customers of ws_2049: who they are, when they come, how much they use (spec 8).

Only `Random.random()` is drawn, the one method whose sequence Python promises to keep, and only +, −, × and ÷ work on
it: the same customers on every machine and Python version.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import fsum
from random import Random

DAYS = 120
SMB, ENTERPRISE = "ai_video_smb", "ai_video_enterprise"
FIRST_NUMBER = 3001

_SMB_NAMES = (
    "Amber",
    "Amplify",
    "Anchor",
    "Birch",
    "Bluebird",
    "Brightside",
    "Canopy",
    "Cedar",
    "Clover",
    "Copper",
    "Coral",
    "Driftwood",
    "Ember",
    "Fable",
    "Foxglove",
    "Harbor",
    "Juniper",
    "Kestrel",
    "Lantern",
    "Maple",
    "Marigold",
    "Meadow",
    "Moonrise",
    "Paperboat",
    "Pebble",
    "Quill",
    "Saffron",
    "Sparrow",
    "Thistle",
    "Willow",
)
_SMB_KINDS = ("Studio", "Films", "Creative", "Motion", "Pictures", "Workshop")
_ENTERPRISE_NAMES = (
    "Aldermoor",
    "Brackenfield",
    "Calderon",
    "Dunmore",
    "Eastgate",
    "Fairhaven",
    "Granville",
    "Hartwell",
    "Ironbridge",
    "Kingsmere",
    "Lakeland",
    "Montrose",
    "Northbrook",
    "Oakhurst",
    "Pemberton",
)
_ENTERPRISE_KINDS = ("Media Group", "Broadcasting", "Entertainment", "Networks")


@dataclass(frozen=True)
class Profile:
    """A customer; days count from 0, `weight` is use relative to the segment's average.

    Until `buys_from` they only explore; `leaves` is the day of the last event, exclusive.
    """

    customer_id: str
    name: str
    segment: str
    weight: float
    joins: int
    buys_from: int
    leaves: int


def customers(rng: Random) -> list[Profile]:
    """180 small studios, then 60 enterprises."""
    smb = _segment(rng, 180, SMB, _SMB_NAMES, _SMB_KINDS, FIRST_NUMBER, _studio_days)
    return smb + _segment(
        rng, 60, ENTERPRISE, _ENTERPRISE_NAMES, _ENTERPRISE_KINDS, FIRST_NUMBER + len(smb), _enterprise_days
    )


def _segment(
    rng: Random,
    size: int,
    segment: str,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    first_number: int,
    days: Callable[[Random], tuple[int, int, int]],
) -> list[Profile]:
    weights = _heavy_tail(rng, size)
    return [
        Profile(f"cust_{first_number + index}", _name(names, kinds, index), segment, weights[index], *days(rng))
        for index in range(size)
    ]


def _name(names: tuple[str, ...], kinds: tuple[str, ...], index: int) -> str:
    """Each pair once: the kinds shift by one with each round of names."""
    turn, place = divmod(index, len(names))
    return f"{names[place]} {kinds[(turn + place) % len(kinds)]}"


def _heavy_tail(rng: Random, size: int) -> list[float]:
    """Zipf's weights around 1 in random order: the largest has about ten times the average, half have less than 0.6."""
    weights = [1 / (rank + 5) for rank in range(size)]
    average = fsum(weights) / size  # sum() rounds differently from Python 3.12 on
    order = sorted(range(size), key=lambda _: rng.random())
    return [weights[rank] / average for rank in order]


def _studio_days(rng: Random) -> tuple[int, int, int]:
    """Half are there from the start; two in five explore first, and a third of those never buy."""
    joins = max(0, int((rng.random() * 2 - 1) * 95))
    explores, settles = rng.random() < 0.4, rng.random()
    buys_from = joins if not explores else DAYS if settles > 0.66 else joins + 8 + int(settles * 60)
    leaves = DAYS if rng.random() > 0.1 else min(DAYS, joins + 20 + int(rng.random() * 90))
    return joins, buys_from, leaves


def _enterprise_days(rng: Random) -> tuple[int, int, int]:
    """Contracts start in waves; hardly anyone leaves."""
    joins = max(0, int((rng.random() * 3 - 2) * 80))
    return joins, joins, DAYS if rng.random() > 0.03 else min(DAYS, joins + 60)
