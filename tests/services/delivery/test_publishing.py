"""What is active is published, signed, after every commit; never backwards, never in the way of an approval."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from app import extensions
from app.extensions import publisher_to, signing_keys
from app.factory import create_app
from app.models.base import AnySession, db
from app.models.transactions import write
from app.services.decisions import activation
from app.services.delivery import publisher as publisher_module
from app.services.delivery.current import read
from app.services.delivery.object_store import PublishStore, StoreDown
from app.services.delivery.pointers import CURRENT, KEYS, Pointer, document_path, pointer_of, pointer_path
from app.services.delivery.publish_check import differences, verifies
from app.services.delivery.publisher import Publisher
from app.services.delivery.publishing import Outcome, published_keys, put
from tests import factories as f
from tests.conftest import application
from tests.databases import settings
from tests.present import present
from tests.services.delivery.test_pointers import a_pointer

STORES = ("file", "memory")
POINTER = pointer_path(f.SUBJECT)


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return (tmp_path / "out").as_uri() if request.param == "file" else f"memory:/{tmp_path}"


@pytest.fixture
def app(engine_name: str, request: pytest.FixtureRequest, tmp_path: Path, url: str) -> Iterator[Flask]:
    for found in application(engine_name, request, tmp_path, PUBLISH_URL=url):
        yield found
        publisher().close()


def publisher() -> Publisher:
    """The application's."""
    return present(extensions.publisher())


def store() -> PublishStore:
    return publisher().store


def pointer_there() -> Pointer | None:
    return pointer_of(store().read(POINTER))


def published() -> Pointer:
    """The pointer of a subject that is published."""
    return present(pointer_there())


def replace_by(session: AnySession, config_version_id: str, later: int) -> None:
    with write(session):
        f.simulated(session, config_version_id)
        f.approve(session, config_version_id, later=later)


def is_in_step(session: AnySession) -> bool:
    """What is published is, to the byte, what is served; and the check agrees."""
    session.rollback()
    reading, pointer = read(session, f.SUBJECT, now=f.NOW), pointer_there()
    return (
        pointer is not None
        and store().read(document_path(pointer.digest)) == reading.document
        and verifies(present(reading.document), pointer.signature, published_keys(store()))
        and differences(session, store(), signing_keys().ring()) == []
    )


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "It did not happen in time."
        time.sleep(0.02)


def test_an_approval_is_published_as_it_is_served(active: AnySession, client: FlaskClient) -> None:
    served = client.get("/api/runtime/config", query_string=f.SUBJECT)
    pointer = published()
    assert store().read(document_path(pointer.digest)) == served.data
    assert (pointer.digest, pointer.signature) == (served.headers["ETag"].strip('"'), served.headers["AVS-Signature"])
    assert (pointer.config_version_id, pointer.sequence, pointer.subject_resolution) == ("cfg_1", 1, f.SUBJECT)
    assert published_keys(store()) == client.get("/api/runtime/keys").json
    assert is_in_step(active)


def test_a_rollback_is_published(active: AnySession) -> None:
    replace_by(active, "cfg_2", later=60)
    assert published().config_version_id == "cfg_2"
    with write(active):
        activation.rollback(active, "cfg_1", f.APPROVAL, actor=f.OPERATOR, now=f.NOW + timedelta(hours=1))
    assert published().config_version_id == "cfg_1"
    assert is_in_step(active)


def test_an_approval_through_the_api_is_published(ready: AnySession, client: FlaskClient) -> None:
    decided = {"approver_name": "Theresa", "approver_role": "CEO", "rationale": "It holds."}
    which = {"config_version_id": "cfg_1", "simulation_run_id": "sim_cfg_1", "effective_at": "2026-01-15T00:00:00Z"}
    assert client.post("/api/approve", json=decided | which).status_code == 201
    assert is_in_step(ready)


def test_a_version_for_later_is_announced_where_it_is_published_and_promoted_by_who_reads(
    active: AnySession, client: FlaskClient
) -> None:
    before = published().sequence
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)
    with write(active):
        f.simulated(active, "cfg_2")
        f.approve(active, "cfg_2", later=60, effective_at=due)
    assert published().sequence == before + 1
    assert b"cfg_2" in present(store().read(document_path(published().digest)))
    eventually(
        lambda: client.get("/api/runtime/config", query_string=f.SUBJECT).get_json()["config_version_id"] == "cfg_2"
    )
    assert published().config_version_id == "cfg_2"
    assert is_in_step(active)


def test_a_version_that_nobody_asks_for_is_promoted_by_publishing(active: AnySession) -> None:
    with write(active):
        f.simulated(active, "cfg_2")
        f.approve(active, "cfg_2", later=60, effective_at=f.NOW + timedelta(days=1))
    assert published().config_version_id == "cfg_1"
    publisher().everything()
    assert published().config_version_id == "cfg_2"
    assert is_in_step(active)


def test_what_is_rolled_back_is_not_published(ready: AnySession) -> None:
    def approve_and_fail() -> None:
        with write(ready):
            f.approve(ready)
            1 / 0

    with pytest.raises(ZeroDivisionError):
        approve_and_fail()
    assert store().read(POINTER) is None
    assert publisher().everything() == []


def test_subjects_are_published_apart(active: AnySession) -> None:
    with write(active):
        f.active(active, "cfg_e", segment="enterprise")
    before = store().read(POINTER)
    assert (
        present(pointer_of(store().read(pointer_path(f.SUBJECT | {"segment": "enterprise"})))).config_version_id
        == "cfg_e"
    )
    assert store().read(POINTER) == before
    assert [one.outcome for one in publisher().everything()] == [Outcome.UNCHANGED] * 2


@pytest.mark.parametrize("broken", ["pointer", "document", "keys", "all"])
def test_what_somebody_broke_is_mended_by_the_next_publication(active: AnySession, broken: str) -> None:
    paths = {"pointer": POINTER, "document": document_path(published().digest), "keys": KEYS}
    for path in paths.values() if broken == "all" else [paths[broken]]:
        store().write(path, b"nonsense", forever=False)
    assert not is_in_step(active)
    publisher().everything()
    assert is_in_step(active)


class Failing(PublishStore):
    """A real store that fails from its `after`-th write on, until it is mended."""

    def __init__(self, inner: PublishStore, after: int = 0) -> None:
        super().__init__(inner._url)
        self.after, self.written, self.mended = after, 0, False

    def write(self, path: str, content: bytes, *, forever: bool) -> None:
        self.written += 1
        if not self.mended and self.written > self.after:
            raise StoreDown(f"{path} was not written: the store is down.")
        super().write(path, content, forever=forever)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_store_that_is_down_fails_no_approval_and_is_caught_up_with(
    ready: AnySession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, after: int
) -> None:
    """After one write there are keys without documents, after two a document without a pointer."""
    failing = Failing(store(), after)
    monkeypatch.setattr(publisher(), "store", failing)
    with write(ready):
        f.approve(ready)
    assert read(ready, f.SUBJECT, now=f.NOW).config_version_id == "cfg_1"
    assert store().read(POINTER) is None
    assert "the store is down. Run `avs publish`" in caplog.text
    failing.mended = True
    assert [one.outcome for one in publisher().everything()] == [Outcome.PUBLISHED]
    assert is_in_step(ready)


def test_a_bug_in_publishing_fails_no_approval_either(
    ready: AnySession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher_module, "publish_subject", lambda *_: 1 / 0)
    with write(ready):
        f.approve(ready)
    assert read(ready, f.SUBJECT, now=f.NOW).config_version_id == "cfg_1"
    assert "division by zero" in caplog.text


def test_a_newer_pointer_is_never_replaced(active: AnySession) -> None:
    """A database that was restored from a backup must not take every app back in time."""
    newer = present(pointer_of(present(store().read(POINTER)).replace(b'"sequence":1', b'"sequence":9'))).content()
    store().write(POINTER, newer, forever=False)
    (told,) = publisher().everything()
    assert told.outcome is Outcome.NEWER_THERE
    assert "sequence 9" in told.detail
    assert store().read(POINTER) == newer
    replace_by(active, "cfg_2", later=60)
    assert store().read(POINTER) == newer


class Watched(PublishStore):
    """After each write, what a reader would find must hold together: `look` says what it finds."""

    def __init__(self, inner: PublishStore, look: Callable[[], None]) -> None:
        super().__init__(inner._url)
        self.look = look
        self.paths_written: list[str] = []

    def write(self, path: str, content: bytes, *, forever: bool) -> None:
        super().write(path, content, forever=forever)
        self.paths_written.append(path)
        self.look()


def test_after_every_single_write_a_reader_finds_a_genuine_document(
    active: AnySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through versions, a rotation and a retirement: keys never lag behind pointers, nor documents."""
    inner = store()

    def look() -> None:
        pointer = present(pointer_of(inner.read(POINTER)))
        body = present(inner.read(document_path(pointer.digest)))
        assert sha256(body).hexdigest() == pointer.digest
        assert verifies(body, pointer.signature, published_keys(inner))

    watched = Watched(inner, look)
    monkeypatch.setattr(publisher(), "store", watched)
    old = signing_keys().ring().keys[0].kid
    replace_by(active, "cfg_2", later=60)
    signing_keys().rotate(f.NOW + timedelta(days=1))
    signing_keys().retire(old, f.NOW)
    publisher().keys_changed()
    assert [path.split("/")[0] for path in watched.paths_written] == ["documents", CURRENT, KEYS, CURRENT, KEYS]
    assert old not in present(inner.read(KEYS)).decode()
    assert is_in_step(active)


def test_a_rotation_signs_everything_anew_and_keeps_the_old_key_published(active: AnySession) -> None:
    before = published()
    signing_keys().rotate(f.NOW + timedelta(days=1))
    publisher().keys_changed()
    after = published()
    assert (after.digest, after.order) == (before.digest, before.order)
    assert after.signature != before.signature
    assert len(published_keys(store())["keys"]) == 2
    assert is_in_step(active)


def test_a_serving_process_publishes_in_the_background(ready: AnySession) -> None:
    publisher().start()
    with write(ready):
        f.approve(ready)
    eventually(lambda: pointer_there() is not None)
    signing_keys().rotate(f.NOW + timedelta(days=1))  # by another process: nobody tells this one
    publisher()._wake.set()
    eventually(lambda: is_in_step(ready))


def test_a_serving_process_tries_again_until_the_store_is_back(
    ready: AnySession, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher_module, "MAX_BACKOFF_SECONDS", 0.05)
    failing = Failing(store())
    monkeypatch.setattr(publisher(), "store", failing)
    publisher().start()
    with write(ready):
        f.approve(ready)
    eventually(lambda: failing.written > 3)
    assert "next attempt in" in caplog.text
    assert store().read(POINTER) is None
    failing.mended = True
    eventually(lambda: is_in_step(ready))


def test_a_serving_process_reads_back_now_and_then_what_it_published(
    active: AnySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "ROUND_SECONDS", 0.05)
    monkeypatch.setattr(publisher_module, "VERIFY_SECONDS", 0.1)
    publisher().start()
    for _ in range(3):
        store().write(POINTER, b"nonsense", forever=False)
        eventually(lambda: is_in_step(active))


class Dawdling(PublishStore):
    """Reads, and then takes its time before it writes the pointer."""

    def __init__(self, inner: PublishStore, go_on: threading.Event) -> None:
        super().__init__(inner._url)
        self.reached, self.go_on = threading.Event(), go_on

    def write(self, path: str, content: bytes, *, forever: bool) -> None:
        if path == POINTER:
            self.reached.set()
            self.go_on.wait(1)
        super().write(path, content, forever=forever)


def test_a_slow_publisher_does_not_put_an_older_pointer_over_a_newer_one(
    app: Flask, active: AnySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both compared with what was there before either wrote: only taking turns helps."""
    newer_is_there = threading.Event()
    dawdling = Dawdling(store(), newer_is_there)
    store().write(POINTER, b"nonsense", forever=False)

    def publish_slowly() -> None:
        with app.app_context():
            other = publisher_to(dawdling._url)
            other.store = dawdling
            other.everything()

    slow = threading.Thread(target=publish_slowly)
    slow.start()
    assert dawdling.reached.wait(20)
    replace_by(active, "cfg_2", later=60)
    newer_is_there.set()
    slow.join()
    assert published().config_version_id == "cfg_2"
    assert is_in_step(active)


def test_publishers_of_several_processes_and_a_busy_operator_end_at_the_newest(
    app: Flask, active: AnySession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Publishers take turns by a lock that processes share; a pointer that was written later is never older."""
    orders: list[tuple[int, datetime]] = []
    inner = store()
    watched = Watched(inner, lambda: orders.append(present(pointer_of(inner.read(POINTER))).order))
    ended = threading.Event()

    def publish_all_the_time() -> None:
        with app.app_context():
            other = publisher_to(inner._url)
            other.store = watched
            while not ended.is_set():
                other.everything()
            db.session.remove()

    threads = [threading.Thread(target=publish_all_the_time) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(2, 8):
        replace_by(active, f"cfg_{number}", later=60 * number)
    ended.set()
    for thread in threads:
        thread.join()
    assert orders == sorted(orders)
    assert published().config_version_id == "cfg_7"
    assert is_in_step(active)


def die_in_write(uri: str, data_dir: str, url: str, moment: int) -> None:
    """Approve cfg_2 in a process of its own, which is killed instead of its `moment`-th write to the store."""
    app = create_app(settings(uri, Path(data_dir)) | {"PUBLISH_URL": url})
    with app.app_context():
        inner = PublishStore.write
        written: list[str] = []

        def write_or_die(self: PublishStore, path: str, content: bytes, *, forever: bool) -> None:
            written.append(path)
            if len(written) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            inner(self, path, content, forever=forever)

        with pytest.MonkeyPatch.context() as patch, write(db.session):
            patch.setattr(PublishStore, "write", write_or_die)
            f.approve(db.session, "cfg_2", later=60)


@pytest.mark.own_database
@pytest.mark.parametrize("moment", [1, 2])
@pytest.mark.parametrize("url", ["file"], indirect=True)
def test_a_process_killed_between_commit_and_publication_leaves_what_was_published_and_a_start_mends_it(
    app: Flask, active: AnySession, url: str, moment: int
) -> None:
    """Killed instead of writing the document, or instead of writing the pointer to it."""
    with write(active):
        f.simulated(active, "cfg_2")
    active.rollback()
    before = store().read(POINTER)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    given_ = (app.config["SQLALCHEMY_DATABASE_URI"], str(app.config["DATA_DIR"]), url, moment)
    child = context.Process(target=die_in_write, args=given_)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert read(active, f.SUBJECT, now=f.NOW).config_version_id == "cfg_2"
    assert store().read(POINTER) == before
    publisher().start()
    eventually(lambda: is_in_step(active))
    assert published().config_version_id == "cfg_2"


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_publications_in_any_order_end_at_the_newest(
    tmp_path_factory: pytest.TempPathFactory, versions: list[tuple[int, int]]
) -> None:
    """Even of publishers that hold no lock, as long as each finishes before the next begins."""
    place = PublishStore(f"memory:/{tmp_path_factory.mktemp('any_order')}")
    newest = (-1, f.NOW)
    for version in versions:
        pointer, document = a_pointer(*version)
        told = put(place, pointer, document)
        assert (told.outcome is Outcome.NEWER_THERE) == (pointer.order < newest)
        newest = max(newest, pointer.order)
        there = present(pointer_of(place.read(POINTER)))
        assert there.order == newest
        assert sha256(present(place.read(document_path(there.digest)))).hexdigest() == there.digest
