"""How messages name records and lists: short, plain, the same everywhere."""

from collections.abc import Iterable

from rules.draft import Draft, Pool, SimulationRun, ValueUnit

_SHOWN = 8  # a message stays readable; the screen behind its link shows the rest


def listed(items: Iterable[object], last: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; beyond eight items, how many more there are."""
    names = [str(item) for item in items]
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} {last} {len(names) - _SHOWN} more"
    return f" {last} ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def pick(items: Iterable[object], nothing: str) -> str:
    """`Pick one of a, b or c.`, or, with nothing to pick from, the sentence that says what to do first."""
    choices = listed(items, "or")
    return f"Pick one of {choices}." if choices else nothing


def this_cycle(draft: Draft) -> str:
    return _named("cycle", draft.cycle.cycle_id).capitalize_first


def this_config(draft: Draft) -> str:
    return _named("config", draft.config.config_version_id)
