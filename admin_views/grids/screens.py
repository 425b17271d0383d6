"""The addresses of the screens that rows of the grids are about."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

Address = Callable[[Any], str]
"""A row of a grid, with its key and the columns that its list shows → the address of its screen."""


def catalog(tab: str, key: str) -> Address:
    """An entry of a catalog, in the panel beside its tab."""
    return lambda row: f"/catalogs?{urlencode({'tab': tab, 'id': getattr(row, key)})}"


def config(part: str) -> Address:
    """A config version, or what belongs to one, on this part of it."""
    return lambda row: _of_config(row.config_version_id, part)


def workspace(row: Any) -> str:
    """A workspace: its Home."""
    return f"/?{urlencode({'workspace': row.workspace_id})}"


def cycle(row: Any) -> str:
    """A cycle: its value units."""
    return f"/cycles/{_quoted(row.cycle_id)}/value-units"


def value_unit(row: Any) -> str:
    """A value unit in its detail pane."""
    return f"{cycle(row)}?{urlencode({'unit': row.value_unit_id})}"


def snapshot(row: Any) -> str:
    """A snapshot, or what it taught: where units are submitted."""
    return f"{cycle(row)}/submit"


def pool(row: Any) -> str:
    """A pool in its config's table."""
    return f"{_of_config(row.config_version_id, 'pools')}?{urlencode({'pool': row.pool_id})}#label"


def simulation_run(row: Any) -> str:
    """A run: its review."""
    review = _of_config(row.candidate_config_version_id, "review")
    return f"{review}?{urlencode({'run': row.simulation_run_id})}"


def decision(row: Any) -> str:
    """A decision in the log."""
    return f"/decision-log/{_quoted(row.decision_id)}"


def usage(_row: Any) -> str:
    """An import: the usage that it is part of."""
    return "/usage"


def _of_config(config_version_id: str, part: str) -> str:
    return f"/configs/{_quoted(config_version_id)}/{part}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
