"""The keys that sign runtime configs: made on first use, rotated with overlap, retired by hand, never shown."""

import base64
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import Conflict, NotFound
from app.services.delivery.signing import KeyStore
from tests import factories as f


def test_a_first_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    ring = KeyStore(tmp_path / "keys").ring()
    assert ring.keys[0].kid == KeyStore(tmp_path / "keys").ring().keys[0].kid
    files = list((tmp_path / "keys").iterdir())
    assert [stat.S_IMODE(path.stat().st_mode) for path in files] == [0o600]


def test_after_a_rotation_the_new_key_signs_and_the_old_one_stays_published(tmp_path: Path) -> None:
    store, other_process = KeyStore(tmp_path), KeyStore(tmp_path)
    old = other_process.ring().keys[0].kid
    new = store.rotate(f.NOW).kid
    ring = other_process.ring()
    assert [key.kid for key in ring.keys] == [new, old]
    assert new in _kid_of(ring.sign(b"{}", f.NOW))
    assert [key["kid"] for key in ring.jwks()["keys"]] == [new, old]


def test_a_key_made_after_the_clock_was_set_back_signs(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    first = store.rotate(f.NOW).kid
    second = store.rotate(f.NOW - timedelta(hours=2)).kid
    assert [key.kid for key in store.ring().keys][:2] == [second, first]


def test_the_key_that_signs_cannot_be_retired_and_an_old_one_can(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    old = store.ring().keys[0].kid
    new = store.rotate(f.NOW).kid
    with pytest.raises(Conflict, match="add another one and use it"):
        store.retire(new, f.NOW)
    with pytest.raises(NotFound):
        store.retire("nobody", f.NOW)
    store.retire(old, f.NOW)
    assert [key.kid for key in store.ring().keys] == [new]


def test_keys_may_come_from_the_environment_and_are_then_rotated_there(tmp_path: Path) -> None:
    made = KeyStore(tmp_path)
    old = made.ring().keys[0]
    new = made.rotate(f.NOW + timedelta(days=1))
    given = KeyStore(tmp_path / "unused", new.pem() + old.pem())
    assert [key.kid for key in given.ring().keys] == [new.kid, old.kid]
    with pytest.raises(Conflict, match="AVS_SIGNING_KEY"):
        given.rotate(f.NOW)
    assert not (tmp_path / "unused").exists()


@pytest.mark.parametrize("text", ["nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_what_is_no_ed25519_key_is_refused_without_showing_it(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        KeyStore(tmp_path, text).ring()
    assert "AAAA" not in str(refusal.value)


def test_the_same_document_is_signed_the_same_every_time(tmp_path: Path) -> None:
    ring = KeyStore(tmp_path).ring()
    assert ring.sign(b"{}", f.NOW) == ring.sign(b"{}", f.NOW)
    assert ring.sign(b"{}", f.NOW) != ring.sign(b"[]", f.NOW)


def test_no_representation_of_a_key_shows_its_private_half(tmp_path: Path) -> None:
    key = KeyStore(tmp_path).ring().keys[0]
    assert "PRIVATE" not in repr(key)
    assert set(key.jwk()) == {"kty", "crv", "alg", "use", "kid", "x"}


def _kid_of(signature: str) -> str:
    protected = signature.split(".")[0]
    return base64.urlsafe_b64decode(protected + "=" * (-len(protected) % 4)).decode()


def test_a_key_is_published_before_it_signs_and_after(tmp_path: Path) -> None:
    store, other_process = KeyStore(tmp_path), KeyStore(tmp_path)
    old = other_process.ring().keys[0].kid
    new = store.add(f.NOW).kid
    ring = other_process.ring()
    assert [key["kid"] for key in ring.jwks()["keys"]] == [old, new]
    assert old in _kid_of(ring.sign(b"{}", f.NOW))
    assert store.use(f.NOW + timedelta(days=1)).kid == new
    ring = other_process.ring()
    assert [key["kid"] for key in ring.jwks()["keys"]] == [new, old]
    assert new in _kid_of(ring.sign(b"{}", f.NOW))
    store.retire(old, f.NOW + timedelta(days=2))
    assert [key["kid"] for key in other_process.ring().jwks()["keys"]] == [new]


def test_a_key_is_not_used_before_apps_can_have_it_and_not_retired_while_they_may_need_it(tmp_path: Path) -> None:
    store, a_day = KeyStore(tmp_path), timedelta(days=1)
    old = store.ring().keys[0].kid
    store.add(f.NOW)
    with pytest.raises(Conflict, match="2026-01-16 00:00 UTC: use it after that, or with --now"):
        store.use(f.NOW + timedelta(hours=23), published_for=a_day)
    store.use(f.NOW + a_day, published_for=a_day)
    with pytest.raises(Conflict, match="2026-01-17 00:00 UTC: retire it after that, or with --now"):
        store.retire(old, f.NOW + timedelta(hours=47), unused_for=a_day)
    store.retire(old, f.NOW + 2 * a_day, unused_for=a_day)
    store.add(f.NOW + 2 * a_day)
    store.use(f.NOW)  # without waiting, after the clock was set back


def test_one_exchange_of_keys_at_a_time_and_it_can_be_taken_back(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    with pytest.raises(Conflict, match="`avs keys add` publishes one"):
        store.use(f.NOW)
    waiting = store.add(f.NOW).kid
    for another in (store.add, store.rotate):
        with pytest.raises(Conflict, match=f"`avs keys retire {waiting}`"):
            another(f.NOW)
    store.retire(waiting, f.NOW, unused_for=timedelta(days=1))
    assert store.coming() is None
    assert [key.kid for key in store.ring().published] == [store.signing().kid]


def test_every_step_is_one_change_of_a_file_so_a_killed_command_leaves_a_whole_state(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    old = store.ring().keys[0].kid
    (tmp_path / "000001768435200000-half.123").write_text(
        "-----BEGIN PRI"
    )  # of a command that was killed while writing
    assert [key.kid for key in store.ring().published] == [old]
    new = store.add(f.NOW).kid
    store.use(f.NOW)
    assert [key.kid for key in KeyStore(tmp_path).ring().published] == [new, old]


def test_a_change_of_the_keys_is_noticed_by_what_is_held_in_memory(tmp_path: Path) -> None:
    store = KeyStore(tmp_path)
    store.ring()
    versions = [store.version()]
    for act in (lambda: store.add(f.NOW), lambda: store.use(f.NOW)):
        act()
        versions.append(store.version())
    assert len(set(versions)) == 3
    assert KeyStore(tmp_path, "given").version() is None
