"""Names of records and lists in messages: short, plain, one way everywhere."""

from collections.abc import Iterable

from rules.draft import Draft, ValueUnit

_SHOWN = 8  # a message stays readable; the screen behind its link shows the rest


def record(kind: str, identifier: str | None) -> str:
    """A record at the start of a sentence: `Pool pool_core`, or `The new pool` while it has no id."""
    return f"{kind.capitalize()} {identifier}" if identifier else f"The new {kind}"


def this_cycle(draft: Draft) -> str:
    """The draft's cycle at the start of a sentence."""
    return record("cycle", draft.cycle.cycle_id)


def this_config(draft: Draft) -> str:
    """The draft's config at the start of a sentence."""
    return record("config", draft.config.config_version_id)


def this_unit(unit: ValueUnit) -> str:
    """A value unit at the start of a sentence."""
    return record("value unit", unit.value_unit_id)


def listed(items: Iterable[object], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; beyond eight items, how many more there are."""
    names = [str(item) for item in items]
    if len(names) > _SHOWN:
        names = [*names[:_SHOWN], f"{len(names) - _SHOWN} more"]
    head, tail = ", ".join(names[:-1]), "".join(names[-1:])
    return f"{head} {last} {tail}" if head else tail


def pick(items: Iterable[object], nothing: str) -> str:
    """`Pick a.`, `Pick one of a, b or c.`, or, with nothing to pick from, what to do first."""
    choices = list(items)
    if not choices:
        return nothing
    return f"Pick {'one of ' if len(choices) > 1 else ''}{listed(choices, 'or')}."
