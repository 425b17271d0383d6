"""How modules are loaded where somebody waits for it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without the garbage collector, which finds nothing in what modules make, and looks through it again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
