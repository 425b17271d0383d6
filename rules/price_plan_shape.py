"""The members that a price plan may have, and where one is a list or an object: asked before anything in it is read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rules.price_plan import OVERRIDE_MEMBERS, PLAN_MEMBERS

MAX_TIERS = 100
MAX_PRICES = 200
MAX_OVERRIDES = 1_000
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "plan": PLAN_MEMBERS,
    "prepaid": ("amount_usd", "price_usd", "expires_after_days"),
    "unit_prices": ("value_unit_id", "model", "tiers", "package_size"),
    "tiers": ("up_to", "unit_price_usd", "flat_fee_usd"),
    "overrides": OVERRIDE_MEMBERS,
}
"""The kind of an object → its members; a list has the kind of its items."""
MOST: Mapping[str, int] = {"unit_prices": MAX_PRICES, "tiers": MAX_TIERS, "overrides": MAX_OVERRIDES}
"""The members that are lists → how many items each may have."""
IDS = ("value_unit_id", "customer_id")
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """What cannot be billed in a plan: `path` leads to the member, indices counted from 0; `text` says what to do."""

    path: Path
    text: str

    @property
    def pointer(self) -> str:
        """The path as a JSON pointer."""
        return "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in self.path)


def shape_problems(value: object, at: Path = (), kind: str = "plan") -> Iterator[Problem]:
    """Every member that an object of this kind does not take, or that is of another shape than the kind says."""
    if not isinstance(value, Mapping):
        yield Problem(at, f"Give an object of {', '.join(MEMBERS[kind])}.")
        return
    for name, member in value.items():
        if name not in MEMBERS[kind]:
            yield Problem((*at, name), f"There is no such member; these are {', '.join(MEMBERS[kind])}.")
        elif member is not None:
            yield from _of_member(name, member, (*at, name))


def _of_member(name: str, member: object, at: Path) -> Iterator[Problem]:
    if name in MOST:
        yield from _of_list(name, member, at)
    elif name == "prepaid":
        yield from shape_problems(member, at, name)
    elif name == "included_quantity" and not isinstance(member, Mapping):
        yield Problem(at, "Give an object of quantities by pool_id.")
    elif name in IDS and not isinstance(member, str):
        yield Problem(at, "Give a text.")


def _of_list(name: str, items: object, at: Path) -> Iterator[Problem]:
    if not isinstance(items, Sequence) or isinstance(items, str | bytes):
        yield Problem(at, "Give a list.")
    elif len(items) > MOST[name]:
        yield Problem(at, f"Give at most {MOST[name]:,} items.")
    else:
        for index, item in enumerate(items):
            yield from shape_problems(item, (*at, index), name)
