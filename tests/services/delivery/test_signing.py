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
    with pytest.raises(Conflict, match="rotate first"):
        store.retire(new)
    with pytest.raises(NotFound):
        store.retire("nobody")
    store.retire(old)
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
