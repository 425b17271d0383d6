"""What tests of decisions start from."""

import pytest

from app.models.base import AnySession
from app.models.transactions import write
from tests import factories as f
from tests.remembered import remembered
from tests.services.decided import four_decisions


@pytest.fixture
def empty(session: AnySession) -> AnySession:
    """A session on a workspace with a cycle and its units, and no config yet."""
    with write(session):
        f.foundation(session)
    return session


@pytest.fixture
def log(empty: AnySession) -> AnySession:
    """A session after the four decisions of `tests.services.decided`."""
    four_decisions(empty)
    return empty


@pytest.fixture
def ready(session: AnySession) -> AnySession:
    """A session where cfg_1 was simulated and may be approved."""

    def build() -> None:
        f.foundation(session)
        f.simulated(session)

    with write(session):
        remembered(session, "ready", build)
    return session


@pytest.fixture
def active(ready: AnySession) -> AnySession:
    """A session where cfg_1 was simulated and approved."""
    with write(ready):
        f.approve(ready)
    return ready
