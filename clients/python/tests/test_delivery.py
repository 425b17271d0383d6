"""What a client accepts as its config: genuine, its own, not older than what it has; and how that ages."""

import json
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from avs_brain_client import BadSignature, Client, Malformed, Replayed, UnknownKey, Unreachable
from avs_brain_client.json_text import exact_json
from brain import Answer, Brain, Key, base64url
from conftest import NOW, Connect, SetClock
from documents import SUBJECT, UNIT, document, pool, rails


def version(client: Client) -> str | None:
    return client.status.config_version_id


def truncated(answer: Answer) -> Answer:
    return answer[0][:-40], answer[1], answer[2]


def with_a_flipped_byte(answer: Answer) -> Answer:
    body = bytearray(answer[0])
    body[len(body) // 2] ^= 1
    return bytes(body), answer[1], answer[2]


def with_another_allowance(answer: Answer) -> Answer:
    return answer[0].replace(b'"included_quantity":10', b'"included_quantity":99'), answer[1], answer[2]


def without_signature(answer: Answer) -> Answer:
    return answer[0], "", answer[2]


def with_algorithm_none(answer: Answer) -> Answer:
    header = base64url(json.dumps({"alg": "none", "kid": "key-1", "iat": 0}).encode())
    return answer[0], f"{header}..", answer[2]


@pytest.mark.parametrize(
    "spoil", [truncated, with_a_flipped_byte, with_another_allowance, without_signature, with_algorithm_none]
)
def test_a_document_that_is_not_what_was_signed_is_refused(
    brain: Brain, connect: Connect, spoil: Callable[[Answer], Answer]
) -> None:
    brain.activate(document("cfg_1"))
    client = connect()
    client.refresh()
    brain.activate(document("cfg_2", sequence=2))
    brain.spoil = spoil
    with pytest.raises(BadSignature):
        client.refresh()
    assert version(client) == "cfg_1"
    assert client.check("c", UNIT).remaining == 10


def test_every_single_flipped_byte_is_noticed(brain: Brain, connect: Connect) -> None:
    body, signature, etag = brain.activate(document())
    client = connect(keys=brain.jwks)

    def flipped(at: int) -> Callable[[Answer], Answer]:
        return lambda _: (body[:at] + bytes([body[at] ^ 4]) + body[at + 1 :], signature, etag)

    for at in range(0, len(body), 7):
        brain.spoil = flipped(at)
        with pytest.raises(BadSignature):
            client.refresh()
    assert client.status.state == "never_loaded"


def test_an_unknown_key_makes_the_client_ask_for_the_keys_once_and_refuse(brain: Brain, connect: Connect) -> None:
    brain.activate(document())
    client = connect()
    client.refresh()
    brain.key = Key("intruder")
    brain.activate(document("cfg_2", sequence=2))
    asked = brain.asked.count("/api/runtime/keys")
    with pytest.raises(UnknownKey):
        client.refresh()
    assert brain.asked.count("/api/runtime/keys") == asked + 1
    assert version(client) == "cfg_1"


def test_a_rotated_key_is_found_by_asking_for_the_keys_again(brain: Brain, connect: Connect) -> None:
    brain.activate(document())
    client = connect()
    client.refresh()
    brain.key = Key("key-2")
    brain.published.insert(0, brain.key)
    brain.activate(document("cfg_2", sequence=2))
    client.refresh()
    assert version(client) == "cfg_2"


def test_pinned_keys_are_the_only_ones_that_count(brain: Brain, connect: Connect) -> None:
    pinned = brain.jwks
    brain.key = Key("key-2")
    brain.published.append(brain.key)
    brain.activate(document())
    client = connect(keys=pinned)
    with pytest.raises(UnknownKey):
        client.refresh()
    assert "/api/runtime/keys" not in brain.asked


def test_pinned_keys_in_a_file_are_those_that_it_has_when_a_document_comes(
    brain: Brain, connect: Connect, tmp_path: Path
) -> None:
    pinned = tmp_path / "avs-keys.json"
    pinned.write_text(json.dumps(brain.jwks))
    client = connect(keys=pinned)
    brain.activate(document("cfg_1"))
    client.refresh()
    old, brain.key = brain.key, Key("key-2")
    brain.published.append(brain.key)
    brain.activate(document("cfg_2", sequence=2))
    with pytest.raises(UnknownKey):
        client.refresh()
    assert version(client) == "cfg_1"
    pinned.write_text(json.dumps({"keys": [old.jwk(), brain.key.jwk()]}))
    client.refresh()
    assert version(client) == "cfg_2"
    pinned.write_text("half a fi")
    brain.activate(document("cfg_3", sequence=3))
    client.refresh()
    assert version(client) == "cfg_3"
    pinned.write_text(json.dumps({"keys": [old.jwk()]}))
    brain.activate(document("cfg_4", sequence=4))
    with pytest.raises(UnknownKey):
        client.refresh()
    assert "/api/runtime/keys" not in brain.asked


def test_a_file_of_pinned_keys_that_is_not_there_is_an_error_at_once(connect: Connect, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.json cannot be read"):
        connect(keys=tmp_path / "nowhere.json")


def test_keys_from_a_server_without_https_are_not_trusted() -> None:
    with pytest.raises(ValueError, match="https"):
        Client("http://brain.example.com", **SUBJECT)


def test_a_replayed_older_document_is_refused(brain: Brain, connect: Connect) -> None:
    old = brain.activate(document("cfg_1", sequence=1))
    client = connect()
    client.refresh()
    brain.activate(document("cfg_2", sequence=2))
    client.refresh()
    brain.spoil = lambda answer: old
    with pytest.raises(Replayed):
        client.refresh()
    assert version(client) == "cfg_2"


def test_of_one_sequence_the_one_signed_later_counts(brain: Brain, connect: Connect) -> None:
    """A version that is approved for later changes the document without an activation."""
    early = brain.activate(document("cfg_1"), issued_at=1000)
    client = connect()
    client.refresh()
    brain.activate(document("cfg_1", pools=[pool(included=11)]), issued_at=1001)
    client.refresh()
    brain.spoil = lambda answer: early
    with pytest.raises(Replayed):
        client.refresh()


def test_a_replay_is_refused_after_a_restart_too(brain: Brain, connect: Connect) -> None:
    old = brain.activate(document("cfg_1", sequence=1))
    brain.activate(document("cfg_2", sequence=2))
    connect().refresh()
    brain.spoil = lambda answer: old
    restarted = connect()
    with pytest.raises(Replayed):
        restarted.refresh()
    assert version(restarted) == "cfg_2"


def test_a_genuine_document_of_another_subject_is_refused(brain: Brain, connect: Connect) -> None:
    brain.activate({**document(), "subject_resolution": {**SUBJECT, "segment": "enterprise"}})
    with pytest.raises(Malformed, match="enterprise"):
        connect().refresh()


def test_a_signed_document_that_cannot_be_enforced_is_refused(brain: Brain, connect: Connect) -> None:
    brain.activate(document(pools=[pool(behavior="explode")]))
    with pytest.raises(Malformed, match="explode"):
        connect().refresh()


def test_a_signed_document_with_a_key_twice_is_refused(brain: Brain, connect: Connect) -> None:
    """Readers differ in which value they take; the one that was approved may not be the one that is enforced."""
    body = exact_json(document()).encode().replace(b'"pools":', b'"pools":[],"pools":', 1)
    brain.activate(document("cfg_1", sequence=1))
    client = connect()
    client.refresh()
    brain.spoil = lambda answer: (body, brain.key.sign(body, int(time.time())), "twice")
    with pytest.raises(Malformed, match="'pools' stands twice"):
        client.refresh()
    assert version(client) == "cfg_1"


def test_nothing_active_leaves_what_is_held_in_force(brain: Brain, connect: Connect) -> None:
    with pytest.raises(Unreachable, match="Nothing is active"):
        connect().refresh()


def test_a_client_starts_from_disk_with_avs_brain_down(brain: Brain, connect: Connect) -> None:
    brain.activate(document())
    connect().refresh()
    brain.stop()
    restarted = connect()
    assert restarted.check("c", UNIT).remaining == 10
    with pytest.raises(Unreachable):
        restarted.refresh()


@pytest.mark.parametrize("damage", [lambda text: text[:-50], lambda text: text.replace(b'"body": "ey', b'"body": "ez')])
def test_a_damaged_file_is_not_used(
    brain: Brain, connect: Connect, tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    brain.activate(document())
    connect().refresh()
    (path,) = (tmp_path / "avs").glob("*.config.json")
    path.write_bytes(damage(path.read_bytes()))
    restarted = connect()
    assert restarted.status.state == "never_loaded"
    restarted.refresh()
    assert restarted.status.state == "fresh"


def test_the_next_version_is_enforced_on_time_with_no_call(brain: Brain, connect: Connect, clock: SetClock) -> None:
    at = (NOW + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    following = document("cfg_2", pools=[pool(included=20)], sequence=2)
    brain.activate(document(next={"effective_at": at, "config_version_id": "cfg_2", "document": following}))
    client = connect()
    client.refresh()
    brain.stop()
    clock.pass_seconds(3599)
    assert client.check("c", UNIT).remaining == 10
    clock.pass_seconds(1)
    assert client.check("c", UNIT).remaining == 20
    assert version(client) == "cfg_2"
    assert connect().check("c", UNIT).config_version_id == "cfg_2"


def test_each_of_several_versions_to_come_is_enforced_on_time_with_no_call(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    def at(hours: int) -> str:
        return (NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")

    last = {"effective_at": at(2), "config_version_id": "cfg_3", "document": document("cfg_3", sequence=3)}
    then = document("cfg_2", sequence=2, next=last)
    brain.activate(document(next={"effective_at": at(1), "config_version_id": "cfg_2", "document": then}))
    client = connect()
    client.refresh()
    brain.stop()
    clock.pass_seconds(3600)
    assert version(client) == "cfg_2"
    clock.pass_seconds(3600)
    assert version(client) == "cfg_3"
    late = connect()
    assert version(late) == "cfg_3"


def test_a_clock_that_is_set_back_does_not_bring_the_old_version_back(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    at = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    following = {**document("cfg_2"), "governance": {}}
    brain.activate(document(next={"effective_at": at, "config_version_id": "cfg_2", "document": following}))
    client = connect()
    client.refresh()
    clock.set_wall(NOW - timedelta(hours=2))
    assert version(client) == "cfg_2"
    assert client.status.state == "fresh"


def test_a_server_that_has_not_switched_yet_does_not_switch_a_client_back(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    at = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    following = document("cfg_2", sequence=2)
    brain.activate(document(next={"effective_at": at, "config_version_id": "cfg_2", "document": following}))
    client = connect()
    client.refresh()
    client.refresh()
    assert version(client) == "cfg_2"


def test_a_config_ages_from_fresh_to_stale_to_expired_and_back(brain: Brain, connect: Connect, clock: SetClock) -> None:
    brain.activate(document(max_staleness_seconds=600))
    client = connect()
    assert client.status.state == "never_loaded"
    client.refresh()
    states = []
    for _ in range(3):
        states.append(client.status.state)
        clock.pass_seconds(300)
    assert states == ["fresh", "stale", "expired"]
    client.refresh()
    assert client.status.state == "fresh"
    assert client.status.age_seconds == 0


def test_age_goes_on_while_the_process_is_not_there(brain: Brain, connect: Connect, clock: SetClock) -> None:
    brain.activate(document(max_staleness_seconds=600))
    connect().refresh()
    clock.wall += 601 * 1_000_000
    assert connect().status.state == "expired"


@pytest.mark.parametrize("hours", [-48, -1, 1, 48])
def test_a_wall_clock_that_jumps_does_not_change_the_age(
    brain: Brain, connect: Connect, clock: SetClock, hours: int
) -> None:
    brain.activate(document(max_staleness_seconds=600))
    client = connect()
    client.refresh()
    clock.set_wall(NOW + timedelta(hours=hours))
    assert client.status.state == "fresh"
    clock.pass_seconds(601)
    assert client.status.state == "expired"


def test_a_restart_with_the_clock_set_back_does_not_make_a_config_younger_than_new(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    brain.activate(document(max_staleness_seconds=600))
    connect().refresh()
    clock.set_wall(NOW - timedelta(days=1))
    assert connect().status.age_seconds == 0


def test_a_clock_that_is_set_forward_into_the_next_period_is_noticed(
    brain: Brain, connect: Connect, clock: SetClock
) -> None:
    brain.activate(document(pools=[pool(behavior="hard_stop")]))
    client = connect()
    client.refresh()
    client.record("c", UNIT, 10)
    assert not client.check("c", UNIT).allow
    clock.set_wall(NOW + timedelta(days=30))
    client._config.current()
    assert client.check("c", UNIT).allow


@pytest.mark.parametrize(("stale", "allow", "reason"), [("open", True, "included"), ("closed", False, "config_stale")])
def test_a_stale_config_fails_as_the_document_says(
    brain: Brain, connect: Connect, clock: SetClock, stale: str, allow: bool, reason: str
) -> None:
    brain.activate(document(fail={"stale": stale}))
    client = connect()
    client.refresh()
    assert client.check("c", UNIT).allow
    clock.pass_seconds(300)
    found = client.check("c", UNIT)
    assert (found.allow, found.reason_code) == (allow, reason)


ALL_RAILS = rails(
    monthly_spend_cap_usd=5,
    at_cap_action="block",
    usage_thresholds=[{"percent": 50, "action": "block"}],
    absolute_usage_caps=[{"value_unit_id": UNIT, "max_quantity": 3}],
)


@pytest.mark.parametrize(
    ("closed", "most_allowed"),
    [
        ([], 1000),
        (["monthly_spend_cap_usd"], 10),
        (["usage_thresholds"], 0),
        (["absolute_usage_caps"], 0),
    ],
)
def test_each_rail_of_an_expired_config_fails_open_or_closed(
    brain: Brain, connect: Connect, clock: SetClock, closed: list[str], most_allowed: int
) -> None:
    """Closed, a rail refuses what it would have judged: what is billed, what has an allowance, what is capped."""
    names = ("monthly_spend_cap_usd", "usage_thresholds", "absolute_usage_caps")
    fails: dict[str, Any] = {name: "closed" if name in closed else "open" for name in names}
    brain.activate(document(rails=ALL_RAILS, on_expired=fails, max_staleness_seconds=60))
    client = connect()
    client.refresh()
    assert not client.check("c", UNIT, 4).allow
    clock.pass_seconds(61)
    assert client.check("c", UNIT, Decimal(most_allowed)).allow
    assert client.check("c", UNIT, most_allowed + 1).allow is not bool(closed)


def test_a_confirmed_config_is_kept_on_disk_with_its_new_age(brain: Brain, connect: Connect, clock: SetClock) -> None:
    brain.activate(document(max_staleness_seconds=600))
    client = connect()
    client.refresh()
    clock.pass_seconds(500)
    client.refresh()
    clock.pass_seconds(500)
    assert connect().status.state == "stale"


def test_a_document_signed_in_the_future_is_no_reason_to_refuse_it(brain: Brain, connect: Connect) -> None:
    brain.activate(document(), issued_at=int(time.time()) + 86_400)
    client = connect()
    client.refresh()
    assert client.status.state == "fresh"
