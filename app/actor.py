"""Who acts: a person or a program, as product events and the audit name it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Actor:
    """The person or program behind a write, as product events and the audit name it."""

    name: str
    role: str = "operator"


SYSTEM = Actor("avs-brain", "system")
