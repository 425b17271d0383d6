"""What a test takes for granted: a value that is there."""

from typing import TypeVar

Value = TypeVar("Value")


def present(value: Value | None) -> Value:
    """The value; the test fails when it is None."""
    assert value is not None
    return value
