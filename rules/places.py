"""Where a finding points: field, entity, and the deep link into the screen that mends it (routes of spec 7)."""

from typing import NamedTuple
from urllib.parse import quote

from rules.draft import Draft, Pool, ValueUnit
from rules.finding import Entity


class Place(NamedTuple):
    """The last three fields of a Finding: `Finding(code, gate, message, *place)`."""

    field: str
    entity: Entity
    deep_link: str


def _quoted(text: str) -> str:
    return quote(text, safe="")


def _cycle_screen(draft: Draft, screen: str) -> str:
    """A screen under the cycle; without a cycle, the screen that makes one."""
    cycle_id = draft.cycle.cycle_id
    return f"/cycles/{_quoted(cycle_id)}/{screen}" if cycle_id else "/cycles/new/north-star"


def config_screen(draft: Draft, screen: str) -> str:
    """The path of a config's screen (`pools`, `rails`…); without a config, the screen that makes one."""
    config_id = draft.config.config_version_id
    return f"/configs/{_quoted(config_id)}/{screen}" if config_id else _cycle_screen(draft, "configs/new")


def at_cycle(draft: Draft, field: str) -> Place:
    """A field of the cycle, on the north star screen."""
    cycle_id = draft.cycle.cycle_id
    query = f"?cycle={_quoted(cycle_id)}" if cycle_id else ""
    return Place(f"cycle.{field}", Entity("cycle", cycle_id), f"/cycles/new/north-star{query}#{field}")


def at_snapshot(draft: Draft) -> Place:
    """The config's snapshot, on the screen that submits one and gives it to the drafts of the cycle."""
    return Place("value_unit_snapshot_version", _config(draft), _cycle_screen(draft, "value-units/submit#submit"))


def at_config(draft: Draft, field: str, screen: str) -> Place:
    """A field of the config itself, on the screen that shows it."""
    return Place(field, _config(draft), f"{config_screen(draft, screen)}#{field}")


def at_pool(draft: Draft, pool: Pool, field: str) -> Place:
    """A field of one pool, in the pools table."""
    pool_id = pool.pool_id or "new"
    link = f"{config_screen(draft, 'pools')}?pool={_quoted(pool_id)}#{field}"
    return Place(f"pools.{pool_id}.{field}", Entity("pool", pool.pool_id), link)


def at_unit(draft: Draft, unit: ValueUnit, field: str) -> Place:
    """A field of one value unit, in its detail pane; a field within a field has dots: `event_mapping.filters`."""
    unit_id = unit.value_unit_id or "new"
    link = f"{_cycle_screen(draft, 'value-units')}?unit={_quoted(unit_id)}#{_quoted(field)}"
    return Place(f"value_units.{unit_id}.{field}", Entity("value_unit", unit.value_unit_id), link)


def at_exploration(draft: Draft, field: str) -> Place:
    """A field of the exploration rule."""
    return Place(f"exploration.{field}", _config(draft), f"{config_screen(draft, 'exploration')}#{field}")


def at_rails(draft: Draft, field: str) -> Place:
    """A field of the rails."""
    return Place(f"rails.{field}", _config(draft), f"{config_screen(draft, 'rails')}#{field}")


def at_simulation(draft: Draft, field: str) -> Place:
    """A field of the referenced simulation run, mended by asking again."""
    return _at_run(draft, field, "simulate#historical_window_days")


def at_blocking_issues(draft: Draft) -> Place:
    """What the referenced run found to hold approval back: its review says what of it is mended since."""
    return _at_run(draft, "outputs.blocking_issues", "review#blocking")


def _at_run(draft: Draft, field: str, screen: str) -> Place:
    run_id = draft.simulation.simulation_run_id if draft.simulation else None
    return Place(f"simulation_run.{field}", Entity("simulation_run", run_id), config_screen(draft, screen))


def _config(draft: Draft) -> Entity:
    return Entity("config_version", draft.config.config_version_id)
