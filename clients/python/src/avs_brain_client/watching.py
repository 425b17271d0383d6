"""Telling the app what changed: the state of the config, and the version that is in force."""

import logging
from collections.abc import Callable
from typing import NamedTuple

log = logging.getLogger("avs_brain_client")


class Standing(NamedTuple):
    """`state` is fresh, stale, expired or never_loaded; `config_version_id` is of the config delivered last."""

    state: str
    config_version_id: str | None


Listener = Callable[[Standing, Standing], object]
"""Is given what was and what is."""


class Watchers:
    """Any thread may look; listeners are called by the one that finds a change, and must be quick."""

    def __init__(self, standing: Standing) -> None:
        self._last = standing
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> Callable[[], None]:
        """Call it at every change from now on; the answer takes it off again."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener) if listener in self._listeners else None

    def look(self, standing: Standing) -> None:
        before, self._last = self._last, standing
        if before == standing:
            return
        for listener in list(self._listeners):
            try:
                listener(before, standing)
            except Exception:
                log.exception("A listener failed.")
