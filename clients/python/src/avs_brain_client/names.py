"""Names that nobody else makes, without asking the system for chance each time."""

import os
import secrets
from itertools import count


class _Names:
    """A beginning drawn by chance for this process, and a number."""

    def __init__(self) -> None:
        self.renew()

    def renew(self) -> None:
        """Begin anew: a child must not go on with the names of its parent."""
        self.beginning, self.numbers = secrets.token_hex(9), count(1)


_names = _Names()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_names.renew)


def fresh_name() -> str:
    """A name of hexadecimal digits."""
    return f"{_names.beginning}{next(_names.numbers):08x}"
