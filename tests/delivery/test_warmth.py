"""A process holds every active document, those too that no app has asked it for, and goes on with them."""

import pytest
from flask import Flask

from app import clock
from app.delivery.documents import Documents, Subject
from app.delivery.freshness import Token
from app.delivery.warmth import Warmth
from app.errors import Unavailable
from app.services.delivery.current import Current
from app.unavailable import AWAY, Store, unavailable
from tests import factories as f
from tests.delivery.conftest import Loop, Plane, approve
from tests.present import present

SUBJECT: Subject = (
    f.SUBJECT["workspace_id"],
    f.SUBJECT["segment"],
    f.SUBJECT["stage"],
    f.SUBJECT["target_environment"],
)


def test_a_starting_process_reads_what_is_active_and_later_what_others_approved(plane: Plane) -> None:
    documents, warmth = plane.app.documents, plane.app.warmth
    assert documents.digest_in_memory(SUBJECT) is None
    plane.runner.run(warmth.start())
    first = present(documents.digest_in_memory(SUBJECT))
    approve("cfg_2")
    plane.runner.run(warmth.look())
    assert present(documents.digest_in_memory(SUBJECT)) != first
    assert plane.config().headers["avs-config-version-id"] == "cfg_2"


class Breakable:
    """A database that can go away, and its tokens."""

    def __init__(self) -> None:
        self.is_away, self.commits = False, 1

    async def token(self) -> Token:
        if self.is_away:
            raise unavailable(Store.DATABASE, AWAY)
        return self.commits

    async def close(self) -> None:
        """Nothing is open."""


def test_while_the_database_is_away_apps_get_what_was_read_last_and_then_what_is_new(
    sqlite_app: Flask, runner: Loop
) -> None:
    database = Breakable()
    met: list[str] = []

    def load(subject: Subject) -> tuple[Current | None, None]:
        return Current(b"{}", f"{subject[0]} {database.commits}", "cfg_1", "signature"), None

    def told(refusal: Unavailable, error: BaseException, *, requests: int) -> None:
        assert isinstance(error, Unavailable)
        met.append(f"{refusal.code} {requests}")

    async def digest(subject: Subject) -> str:
        return present(await documents.get(subject)).current.digest

    documents = Documents(database, load, clock.now, told)
    known, unknown = ("ws_1", "s", "learning", "production"), ("ws_2", "s", "learning", "production")
    warmth = Warmth(documents, lambda: {known: "ws_1 1"})
    runner.run(warmth.start())
    database.is_away, database.commits = True, 2
    assert runner.run(digest(known)) == "ws_1 1"
    with pytest.raises(Unavailable):
        runner.run(digest(unknown))
    assert met == ["database_unreachable 0"]
    database.is_away = False
    while runner.run(digest(known)) != "ws_1 2":
        pass
    assert runner.run(digest(unknown)) == "ws_2 2"
    runner.run(warmth.close())
    runner.run(documents.close())
