"""What a change of an account is, and what a store may be told about it besides."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

from avs_brain_client.account import Account

T = TypeVar("T")
Edit = Callable[[Account, frozenset[str]], tuple[Account | None, T]]
"""From the account as it is and those of the marks that are known already to the account as it shall be, or None when
nothing happened: then nothing is written and no mark remembered. It changes nothing else, for it is also called to
learn what would become of accounts that nobody has.
"""


def _nothing(answer: object) -> None:
    """Nothing has to happen before this is written."""


class Matter(NamedTuple, Generic[T]):
    """`terms` and `course`: whatever else the outcome follows from. Of two changes with the same terms (the very same
    object) and course, to accounts that differ in their numbers alone, the one after which more is used never has the
    milder outcome: so what is true of two accounts is true of all between them.

    `reservation`: the one that the change lets go, if it is there. `prepare` is called with the answer before a change
    is written that does more than add to numbers. `attempt`: a name under which the change is made once, whoever tries
    it, and however often.
    """

    terms: object = None
    course: Hashable = None
    reservation: str = ""
    prepare: Callable[[T], object] = _nothing
    attempt: str = ""


NOTHING_SPECIAL: Matter[Any] = Matter()
