"""How messages name records and lists: short, plain, the same everywhere."""

from collections.abc import Iterable

_SHOWN = 8  # a message stays readable; the screen behind its link shows the rest


def record(kind: str, identifier: str | None) -> str:
    """A record at the start of a sentence: `Pool pool_core`, or `The new pool` while it has no id."""
    return f"{kind.capitalize()} {identifier}" if identifier else f"The new {kind}"


def listed(items: Iterable[object], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; beyond eight items, how many more there are."""
    names = [str(item) for item in items]
    if len(names) > _SHOWN:
        names = [*names[:_SHOWN], f"{len(names) - _SHOWN} more"]
    head, tail = ", ".join(names[:-1]), "".join(names[-1:])
    return f"{head} {last} {tail}" if head else tail


def pick(items: Iterable[object], nothing: str) -> str:
    """`Pick one of a, b or c.`, or, with nothing to pick from, the sentence that says what to do first."""
    choices = listed(items, "or")
    return f"Pick one of {choices}." if choices else nothing
