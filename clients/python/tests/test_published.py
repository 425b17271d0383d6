"""Following what AVS Brain publishes: from a CDN, from a folder, alone or where AVS Brain does not answer."""

import base64
import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from avs_brain_client import BadSignature, Client, Clock, Malformed, Replayed, UnknownKey, Unreachable
from avs_brain_client.document import Subject
from avs_brain_client.published import pointer_path
from brain import Brain, Key
from conftest import Connect, SetClock
from documents import SUBJECT, UNIT, document, pool, rails
from publishing import POINTER, Location, served
from waiting import eventually

Publish = Callable[..., Client]


@pytest.fixture
def location(tmp_path: Path, brain: Brain) -> Location:
    return Location(tmp_path / "published", brain.key)


@pytest.fixture
def cdn(location: Location) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    with served(location.folder) as found:
        yield found


@pytest.fixture
def follow(clock: SetClock, tmp_path: Path) -> Iterator[Publish]:
    """A client without AVS Brain: manual, with the test's clock and folder, unless told otherwise."""
    made: list[Client] = []

    def client(published: Any, **options: Any) -> Client:
        options = {"mode": "manual", "clock": clock, "directory": tmp_path / "avs", **options}
        made.append(Client(published=published, **{**SUBJECT, **options}))
        return made[-1]

    yield client
    for found in made:
        found.close()


def version(client: Client) -> str | None:
    return client.status.config_version_id


def is_at(client: Client, config_version_id: str) -> Callable[[], bool]:
    """Whether the client has come to this version."""
    return lambda: version(client) == config_version_id


@pytest.mark.parametrize("scheme", ["http", "file", "folder", "path"])
def test_a_config_is_enforced_with_no_avs_brain_at_all(
    location: Location, cdn: tuple[str, Any], follow: Publish, scheme: str
) -> None:
    location.publish(document())
    places = {"http": cdn[0], "file": location.folder.as_uri(), "folder": str(location.folder), "path": location.folder}
    client = follow(places[scheme])
    client.refresh()
    assert client.check("c", UNIT).remaining == 10
    location.publish(document("cfg_2", pools=[pool(included=20)], sequence=2))
    client.refresh()
    assert client.check("c", UNIT).remaining == 20
    assert client.status.state == "fresh"


def test_what_has_not_changed_costs_a_304_of_the_pointer(
    location: Location, cdn: tuple[str, list[tuple[str, int]]], follow: Publish, clock: SetClock
) -> None:
    address, asked = cdn
    location.publish(document())
    client = follow(address, keys=location.jwks)
    client.refresh()
    asked.clear()
    clock.pass_seconds(50)
    client.refresh()
    assert asked == [(f"/{POINTER}", 304)]
    assert client.status.age_seconds == 0


def test_two_versions_within_one_second_are_told_apart(
    location: Location, cdn: tuple[str, list[tuple[str, int]]], follow: Publish
) -> None:
    client = follow(cdn[0])
    for number in range(1, 6):
        location.publish(document(f"cfg_{number}", sequence=number))
        client.refresh()
        assert version(client) == f"cfg_{number}"


def test_a_location_is_polled_in_the_background(location: Location, cdn: tuple[str, Any], follow: Publish) -> None:
    client = follow(cdn[0], mode="stream", poll_seconds=0.05, clock=Clock()).start()
    assert not client.wait_until_loaded(0.2)
    location.publish(document())
    assert client.wait_until_loaded(20)
    location.publish(document("cfg_2", sequence=2))
    eventually(lambda: version(client) == "cfg_2")


def test_a_document_that_was_altered_in_the_bucket_is_refused(location: Location, follow: Publish) -> None:
    digest = location.publish(document())
    path = location.folder / f"documents/{digest}.json"
    path.write_bytes(path.read_bytes().replace(b'"included_quantity":10', b'"included_quantity":99'))
    client = follow(location.folder)
    with pytest.raises(Unreachable, match="does not hash"):
        client.refresh()
    assert client.status.state == "never_loaded"


def test_a_pointer_to_a_document_that_nobody_signed_is_refused(location: Location, follow: Publish) -> None:
    location.publish(document())
    client = follow(location.folder, keys=location.jwks)
    client.refresh()
    location.key = Key(location.key.kid)
    location.publish(document("cfg_2", pools=[pool(included=99)], sequence=2))
    with pytest.raises(BadSignature):
        client.refresh()
    assert version(client) == "cfg_1"


def test_pinned_keys_make_the_keys_of_the_location_irrelevant(
    location: Location, cdn: tuple[str, list[tuple[str, int]]], follow: Publish
) -> None:
    """Whoever may write to the bucket may write keys.json too."""
    address, asked = cdn
    pinned = location.jwks
    location.key = Key("intruder")
    location.keys = [location.key]
    location.publish_keys()
    location.publish(document())
    with pytest.raises(UnknownKey):
        follow(address, keys=pinned).refresh()
    assert "/keys.json" not in [path for path, _ in asked]


def test_a_location_may_want_a_password(location: Location, follow: Publish) -> None:
    location.publish(document())
    with served(location.folder, f"Basic {base64.b64encode(b'app:secret').decode()}") as (address, _):
        with pytest.raises(Unreachable, match="401"):
            follow(address).refresh()
        client = follow(address.replace("://", "://app:secret@"))
        client.refresh()
    assert version(client) == "cfg_1"


def test_a_rotated_key_is_found_in_the_location(location: Location, cdn: tuple[str, Any], follow: Publish) -> None:
    location.publish(document())
    client = follow(cdn[0])
    client.refresh()
    location.key = Key("key-2")
    location.keys.insert(0, location.key)
    location.publish_keys()
    location.publish(document("cfg_2", sequence=2))
    client.refresh()
    assert version(client) == "cfg_2"


def test_the_keys_of_a_location_without_https_are_not_trusted() -> None:
    with pytest.raises(ValueError, match="https"):
        Client("https://brain.example.com", published="http://cdn.example.com/avs", **SUBJECT)
    with pytest.raises(ValueError, match="s3://bucket"):
        Client(published="s3://bucket/avs", **SUBJECT)
    with pytest.raises(ValueError, match="base_url, published"):
        Client(**SUBJECT)


def test_an_older_pointer_is_a_replay(location: Location, follow: Publish) -> None:
    location.publish(document("cfg_2", sequence=2))
    client = follow(location.folder)
    client.refresh()
    location.publish(document("cfg_1", sequence=1), issued_at=int(time.time()) + 1000)
    with pytest.raises(Replayed):
        client.refresh()
    assert version(client) == "cfg_2"


def test_the_pointer_of_another_subject_is_refused(location: Location, follow: Publish) -> None:
    location.publish({**document(), "subject_resolution": {**SUBJECT, "segment": "enterprise"}})
    with pytest.raises(Malformed, match="enterprise"):
        follow(location.folder).refresh()


@pytest.mark.parametrize(
    "pointer",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps({"digest": "../keys", "signature": ""}).encode(),
        json.dumps({"digest": "A" * 64, "signature": ""}).encode(),
        json.dumps({"digest": 5, "signature": ""}).encode(),
        b"[" * 100_000,
    ],
)
def test_a_pointer_that_makes_no_sense_is_survived(location: Location, follow: Publish, pointer: bytes) -> None:
    location.publish(document())
    client = follow(location.folder)
    client.refresh()
    location.write(POINTER, pointer)
    with pytest.raises(Unreachable):
        client.refresh()
    assert version(client) == "cfg_1"


def test_a_location_that_is_gone_leaves_what_is_held_in_force(location: Location, follow: Publish) -> None:
    location.publish(document())
    with served(location.folder) as (address, _):
        client = follow(address)
        client.refresh()
    with pytest.raises(Unreachable):
        client.refresh()
    with pytest.raises(Unreachable):
        follow(location.folder / "nowhere", directory=None).refresh()
    assert client.check("c", UNIT).allow


def test_events_wait_while_there_is_nobody_to_send_them_to(
    location: Location, follow: Publish, brain: Brain, connect: Connect
) -> None:
    location.publish(document(rails=rails(usage_thresholds=[{"percent": 100, "action": "warn"}])))
    client = follow(location.folder)
    client.refresh()
    client.record("c", UNIT, 12)
    assert client.flush() == 0
    assert client.status.events_waiting == 1
    client.close()
    brain.activate(document())
    assert connect(published=location.folder).flush() == 1
    assert [event["event_type"] for event in brain.events.values()] == ["rail_warning_shown"]


def test_avs_brain_is_asked_first_and_what_is_published_only_without_it(
    brain: Brain, location: Location, cdn: tuple[str, list[tuple[str, int]]], connect: Connect
) -> None:
    address, asked = cdn
    brain.activate(document("cfg_1"))
    client = connect(published=address)
    client.refresh()
    assert asked == []
    location.publish(document("cfg_2", sequence=2))
    brain.stop()
    client.refresh()
    assert version(client) == "cfg_2"


def test_a_client_starts_from_what_is_published_with_avs_brain_down(
    brain: Brain, location: Location, cdn: tuple[str, Any], connect: Connect
) -> None:
    location.publish(document())
    brain.stop()
    client = connect(published=cdn[0])
    client.refresh()
    assert client.status.state == "fresh"


def test_a_cdn_that_is_behind_takes_nobody_back(brain: Brain, location: Location, connect: Connect) -> None:
    location.publish(document("cfg_1", sequence=1))
    brain.activate(document("cfg_2", sequence=2))
    client = connect(published=location.folder)
    client.refresh()
    brain.stop()
    with pytest.raises(Replayed):
        client.refresh()
    assert version(client) == "cfg_2"


def test_an_avs_brain_that_was_restored_from_a_backup_takes_nobody_back(
    brain: Brain, location: Location, connect: Connect
) -> None:
    location.publish(document("cfg_2", sequence=2))
    brain.activate(document("cfg_1", sequence=1))
    brain.stop()
    client = connect(published=location.folder)
    client.refresh()
    brain.start()
    with pytest.raises(Replayed):
        client.refresh()
    assert version(client) == "cfg_2"


def test_when_neither_answers_both_reasons_are_told(brain: Brain, connect: Connect, tmp_path: Path) -> None:
    brain.stop()
    with pytest.raises(Unreachable, match=r"(?s)/api/runtime/config.*published.*current/"):
        connect(published=tmp_path).refresh()


@pytest.mark.parametrize("mode", ["poll", "longpoll", "stream"])
def test_versions_keep_arriving_while_avs_brain_is_off(
    brain: Brain, location: Location, cdn: tuple[str, Any], connect: Connect, mode: str
) -> None:
    brain.activate(document("cfg_1"))
    client = connect(published=cdn[0], mode=mode, poll_seconds=0.05, clock=Clock()).start()
    assert client.wait_until_loaded(20)
    brain.stop()
    for number in (2, 3):
        location.publish(document(f"cfg_{number}", sequence=number))
        eventually(is_at(client, f"cfg_{number}"))
    assert client.status.state == "fresh"
    brain.activate(document("cfg_4", sequence=4))
    brain.start()
    eventually(lambda: version(client) == "cfg_4")


def test_a_server_that_takes_connections_and_says_nothing_is_fallen_back_from(
    location: Location, monkeypatch: pytest.MonkeyPatch, clock: SetClock
) -> None:
    location.publish(document())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        client = Client(address, published=location.folder, mode="manual", clock=clock, **SUBJECT)
        assert client._brain is not None
        monkeypatch.setattr(client._brain, "_timeout", 0.2)
        client._brain._http.client.timeout = httpx.Timeout(0.2)
        client.refresh()
        assert version(client) == "cfg_1"
        client.close()


@pytest.mark.parametrize(
    ("segment", "written"),
    [
        ("ai_video-smb.v2", "ai_video-smb.v2"),
        ("a/b", "a!2Fb"),
        ("..", "!2E."),
        (".hidden", "!2Ehidden"),
        ("100% a!b", "100!25!20a!21b"),
        ("größe", "gr!C3!B6!C3!9Fe"),
        ("", "!!"),
    ],
)
def test_odd_names_are_one_plain_segment_each(segment: str, written: str) -> None:
    path = pointer_path(Subject("ws_1", segment, "learning", "production"))
    assert path == f"current/ws_1/{written}/learning/production.json"


def test_a_long_name_is_cut_and_told_apart_by_its_hash() -> None:
    paths = [pointer_path(Subject("ws_1", "é" * 199 + last, "learning", "production")) for last in "ab"]
    assert paths[0] != paths[1]
    assert all(len(part) <= 255 for path in paths for part in path.split("/"))
