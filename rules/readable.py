"""The rule that an enforcing client reads what a config would serve (spec 3 and 5).

What it cannot read is found where documents are made; here it becomes a finding at the screen that mends it.
"""

from collections.abc import Iterator

from rules.draft import Draft, Path, Unreadable, ValueUnit, pooled_units
from rules.finding import Finding, Gate
from rules.labels import label_text
from rules.places import Place, at_config, at_exploration, at_pool, at_price_plan, at_rails, at_unit
from rules.wording import THIS_CONFIG, this_pool, this_unit

CODE = "config_unreadable"
NEXT = ("governance", "delivery", "next", "document")


def a_client_reads_the_document(draft: Draft) -> Iterator[Finding]:
    """An app refuses a document that it cannot read, and enforces nothing without one (approve gate)."""
    for item in draft.unreadable:
        subject, place = _where(draft, _own(item.path))
        yield Finding(CODE, Gate.APPROVE, _message(subject, place, item), *place)


def _message(subject: str, place: Place, item: Unreadable) -> str:
    if "terms" in item.path:
        problem = f"the terms by which customers would finish their period cannot be read by apps: {item.problem}"
        return f"{THIS_CONFIG} cannot be served so, for {problem}. Let it hold at once."
    field = place.field.removeprefix(f"{place.entity.type}s.{place.entity.id}.")
    return f"{subject} cannot be read by apps, in {label_text(field)}: {item.problem}. Correct it."


def _own(path: Path) -> Path:
    """The path within the document that the served one announces, where the problem is in that."""
    return _own(path[len(NEXT) :]) if path[: len(NEXT)] == NEXT else path


def _where(draft: Draft, path: Path) -> tuple[str, Place]:
    """The record at the start of a sentence, and where it is mended."""
    match path:
        case ("pools", int(index), *rest) if index < len(draft.pools):
            pool = draft.pools[index]
            return this_pool(pool), at_pool(draft, pool, str(rest[0]) if rest else "pool_id")
        case ("value_units", int(index), *rest) if index < len(units := _served_units(draft)):
            return this_unit(units[index]), at_unit(draft, units[index], ".".join(map(str, rest[:2])) or "name")
        case ("exploration", *rest):
            return THIS_CONFIG, at_exploration(draft, str(rest[0]) if rest else "enabled")
        case ("rating_agility", "price_plan", *rest):
            return THIS_CONFIG, at_price_plan(draft, tuple(rest))
        case ("rails", *rest):
            return THIS_CONFIG, at_rails(draft, str(rest[0]) if rest else "usage_thresholds")
        case ("governance", "delivery", *_):
            return THIS_CONFIG, at_config(draft, "delivery", "rails")
        case ("governance", "terms", *_):
            return THIS_CONFIG, at_config(draft, "terms_start", "approve")
    return THIS_CONFIG, at_config(draft, str(path[0]) if path else "config_version_id", "pools")


def _served_units(draft: Draft) -> tuple[ValueUnit, ...]:
    """The units of the document, in its order: those of the snapshot that a pool names."""
    pooled_ids = {unit.value_unit_id for unit in pooled_units(draft)}
    return tuple(unit for unit in draft.units or () if unit.value_unit_id in pooled_ids)
