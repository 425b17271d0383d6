"""The places that findings point to: field, entity, and the deep link into the screen that mends it (spec 7)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from rules.draft import Draft, Path, Pool, ValueUnit
from rules.finding import Entity


class Place(NamedTuple):
    """The last three fields of a Finding: `Finding(code, gate, message, *place)`."""

    field: str
    entity: Entity
    deep_link: str


def link_to_cycle(cycle_id: str | None, field: str) -> str:
    """The path of a field of a cycle on the north star screen; without a cycle, of the screen that makes one."""
    query = f"?cycle={_quoted(cycle_id)}" if cycle_id else ""
    return f"/cycles/new/north-star{query}#{field}"


def link_to_unit(cycle_id: str | None, value_unit_id: str | None, field: str) -> str:
    """The path of a field of a value unit in its detail pane; a field within a field has dots: `event_mapping.filters`.

    Without a unit it is the pane of a new one.
    """
    return f"{_cycle_screen(cycle_id, 'value-units')}?unit={_quoted(value_unit_id or 'new')}#{_quoted(field)}"


def link_to_new_unit(cycle_id: str | None, event_type: str) -> str:
    """The path of the pane of a new unit whose mapping begins with this event."""
    return f"{_cycle_screen(cycle_id, 'value-units')}?unit=new&event_type={_quoted(event_type)}#event_mapping"


def link_to_config(config_version_id: str, screen: str, field: str) -> str:
    """The path of a field of a config on one of its screens: `pools`, `exploration`, `rails`, `review`…"""
    return f"{_screen_of_config(config_version_id, screen)}#{field}"


def config_screen(draft: Draft, screen: str) -> str:
    """The path of a config's screen (`pools`, `rails`…); without a config, of the screen that makes one."""
    config_id = draft.config.config_version_id
    return _screen_of_config(config_id, screen) if config_id else _cycle_screen(draft.cycle.cycle_id, "configs/new")


def units_screen(draft: Draft) -> str:
    """The path of the value units of the draft's cycle."""
    return _cycle_screen(draft.cycle.cycle_id, "value-units")


def _screen_of_config(config_version_id: str, screen: str) -> str:
    return f"/configs/{_quoted(config_version_id)}/{screen}"


def _cycle_screen(cycle_id: str | None, screen: str) -> str:
    """The path of a screen under the cycle; without a cycle, of the screen that makes one."""
    return f"/cycles/{_quoted(cycle_id)}/{screen}" if cycle_id else "/cycles/new/north-star"


def _quoted(text: str) -> str:
    return quote(text, safe="")


def at_cycle(draft: Draft, field: str) -> Place:
    """A field of the cycle, on the north star screen."""
    cycle_id = draft.cycle.cycle_id
    return Place(f"cycle.{field}", Entity("cycle", cycle_id), link_to_cycle(cycle_id, field))


def at_snapshot(draft: Draft) -> Place:
    """The config's snapshot, on the screen that submits one and gives it to the drafts of the cycle."""
    link = _cycle_screen(draft.cycle.cycle_id, "value-units/submit#submit")
    return Place("value_unit_snapshot_version", _config(draft), link)


def at_config(draft: Draft, field: str, screen: str) -> Place:
    """A field of the config itself, on the screen that shows it."""
    return Place(field, _config(draft), f"{config_screen(draft, screen)}#{field}")


def at_pool(draft: Draft, pool: Pool, field: str) -> Place:
    """A field of one pool, in the pools table."""
    pool_id = pool.pool_id or "new"
    link = f"{config_screen(draft, 'pools')}?pool={_quoted(pool_id)}#{field}"
    return Place(f"pools.{pool_id}.{field}", Entity("pool", pool.pool_id), link)


def at_unit(draft: Draft, unit: ValueUnit, field: str) -> Place:
    """A field of one value unit, in its detail pane."""
    unit_id = unit.value_unit_id
    link = link_to_unit(draft.cycle.cycle_id, unit_id, field)
    return Place(f"value_units.{unit_id or 'new'}.{field}", Entity("value_unit", unit_id), link)


def at_exploration(draft: Draft, field: str) -> Place:
    """A field of the exploration rule."""
    return Place(f"exploration.{field}", _config(draft), f"{config_screen(draft, 'exploration')}#{field}")


def at_price_plan(draft: Draft, path: Path) -> Place:
    """A member of the price plan: `price_plan.unit_prices.vu_a.tiers.2.up_to` for the second tier's end.

    `path` counts the items of lists from 0, as `rules.price_plan_problems` does; people count tiers from 1.
    """
    field = ".".join(_member_names(draft.price_plan, path)) or "platform_fee_usd"
    return Place(f"price_plan.{field}", _config(draft), f"{config_screen(draft, 'price-plan')}#{_quoted(field)}")


def _member_names(value: object, path: Path) -> Iterator[str]:
    """The names along a path; an item of a list is told by its id where it has one, else by its place from 1 on."""
    for name in path:
        item: object = None
        if isinstance(value, Mapping):
            item = value.get(name)
        elif isinstance(value, Sequence) and isinstance(name, int) and name < len(value):
            item = value[name]
        yield _item_name(item, name + 1) if isinstance(name, int) else name
        value = item


def _item_name(item: object, place: int) -> str:
    ids = (item.get("value_unit_id") or item.get("customer_id")) if isinstance(item, Mapping) else None
    return str(ids or place)


def at_rails(draft: Draft, field: str) -> Place:
    """A field of the rails."""
    return Place(f"rails.{field}", _config(draft), f"{config_screen(draft, 'rails')}#{field}")


def at_simulation(draft: Draft, field: str) -> Place:
    """A field of the referenced simulation run, mended by asking again."""
    return _at_run(draft, field, "simulate#historical_window_days")


def at_blocking_issues(draft: Draft) -> Place:
    """The issues that the referenced run found to hold approval back; its review says which are mended since."""
    return _at_run(draft, "outputs.blocking_issues", "review#blocking")


def _at_run(draft: Draft, field: str, screen: str) -> Place:
    run_id = draft.simulation.simulation_run_id if draft.simulation else None
    return Place(f"simulation_run.{field}", Entity("simulation_run", run_id), config_screen(draft, screen))


def _config(draft: Draft) -> Entity:
    return Entity("config_version", draft.config.config_version_id)
