"""Names and lists in messages: short, plain, one way everywhere.

One rule for all messages (spec 3): they are sentences for people. Records have the names that people gave them, fields
and values of closed lists their words (`rules.labels`), metrics and signals their catalog labels. What programs need
stands beside the message: the code, the canonical field, the entity's id, the link.
"""

from collections.abc import Iterable, Mapping

from rules.draft import Pool, ValueUnit, is_filled

THIS_CONFIG, THE_CYCLE, THE_RUN = "This config", "The cycle", "The simulation"
"""The records of which a finding has one: whoever shows it says which config it is about."""

_SHOWN = 8  # a message stays readable; the screen behind its link shows the rest


def record(kind: str, name: str | None) -> str:
    """A record at the start of a sentence: `Pool “Core”`, or `A pool without a name`."""
    return f"{kind.capitalize()} {quoted(name)}" if name and is_filled(name) else f"A {kind} without a name"


def quoted(name: str) -> str:
    """A name in a sentence: `“Core”`."""
    return f"“{name}”"


def this_unit(unit: ValueUnit) -> str:
    """A value unit at the start of a sentence."""
    return record("value unit", unit.name)


def this_pool(pool: Pool) -> str:
    """A pool at the start of a sentence."""
    return record("pool", pool.label)


def words(value: object) -> str:
    """A value of a closed list as words: `allow_overage` → `allow overage`."""
    return str(value).replace("_", " ")


def labelled(identifiers: Iterable[str], labels: Mapping[str, str]) -> list[str]:
    """The catalog's labels of these ids; an id that the catalog does not have stays as it is."""
    return [labels.get(identifier, identifier) for identifier in identifiers]


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


def pick_value(values: Iterable[object]) -> str:
    """`Pick one of warn, throttle or block.`, of the values of a closed list."""
    return pick(map(words, values), "")
