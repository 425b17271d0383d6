"""The shape of a config's price plan in answers (spec 4.2)."""

from typing import NotRequired

from rules.enums import ChangePolicy
from rules.price_plan import Contract, Override


class KeptPricePlan(Contract):
    """The price plan of a config as it keeps it: what says nothing is left out, lists are in the order of their ids.

    Without a plan it is empty; with one, `change_policy` is stated.
    """

    overrides: NotRequired[list[Override]]
    change_policy: NotRequired[ChangePolicy]
