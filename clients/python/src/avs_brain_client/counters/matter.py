"""What a store may be told about a change besides the change itself."""

from collections.abc import Callable, Hashable
from typing import Any, Generic, NamedTuple, TypeVar

T = TypeVar("T")


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
