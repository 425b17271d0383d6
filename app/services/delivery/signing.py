"""Signing of the documents that apps enforce: Ed25519, detached JWS over the bytes (RFC 7515 appendix F, RFC 8037).

The newest key signs; older ones stay published, so that documents they signed verify until a key is retired.
"""

import base64
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from app.errors import Conflict, NotFound
from simulation.canonical import canonical_bytes

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----(?:(?!-----).)+-----END [A-Z ]+-----", re.DOTALL)
_FILE = "{stamp}-{kid}.pem"
_STAMP = re.compile(r"(\d{15})-")


@dataclass(frozen=True)
class SigningKey:
    """One Ed25519 key pair; its `kid` is the RFC 7638 thumbprint of the public key."""

    private: Ed25519PrivateKey

    @cached_property
    def public_bytes(self) -> bytes:
        """The public key, 32 bytes."""
        return self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)

    @cached_property
    def kid(self) -> str:
        """The key's identifier."""
        thumbprint = canonical_bytes({"crv": "Ed25519", "kty": "OKP", "x": base64url(self.public_bytes)})
        return base64url(sha256(thumbprint).digest())

    def jwk(self) -> dict[str, str]:
        """The public half as a JSON Web Key."""
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "alg": "EdDSA",
            "use": "sig",
            "kid": self.kid,
            "x": base64url(self.public_bytes),
        }

    def pem(self) -> str:
        """The private half, PKCS 8; never logged, never served."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@dataclass(frozen=True)
class KeyRing:
    """The keys in force, newest first: the first one signs, all are published."""

    keys: Sequence[SigningKey]

    def sign(self, body: bytes, issued_at: datetime) -> str:
        """`<protected>..<signature>`, equal each time: Ed25519 is deterministic, and `iat` is the document's time."""
        key = self.keys[0]
        protected = base64url(canonical_bytes({"alg": "EdDSA", "iat": int(issued_at.timestamp()), "kid": key.kid}))
        signature = key.private.sign(f"{protected}.{base64url(body)}".encode())
        return f"{protected}..{base64url(signature)}"

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that clients verify with."""
        return {"keys": [key.jwk() for key in self.keys]}


class KeyStore:
    """The source of the keys: PEM text from the environment, else a folder, which gets a first key when it is empty."""

    def __init__(self, folder: Path, pem: str | None = None) -> None:
        self.folder, self._pem = folder, pem
        self._last_read: tuple[list[str], KeyRing] | None = None  # names of files, which never change, and their keys

    def ring(self) -> KeyRing:
        """The keys now; reads the folder again when another process has rotated them."""
        if self._pem:
            return KeyRing(_parsed(_PEM.findall(self._pem)))
        if not (newest_first := self._names()):
            self._add(Ed25519PrivateKey.generate(), stamp=0)
            newest_first = self._names()
        if self._last_read is None or self._last_read[0] != newest_first:
            texts = [(self.folder / name).read_text() for name in newest_first]
            self._last_read = newest_first, KeyRing(_parsed(texts))
        return self._last_read[1]

    def is_empty(self) -> bool:
        """Whether there is no key yet, or none any more; the next `ring` makes one."""
        return not self._pem and not self._names()

    def _names(self) -> list[str]:
        """Key files, newest first. Their names tell a change; the folder's time of change may be a tick late."""
        return sorted((path.name for path in self.folder.glob("*.pem")), reverse=True)

    def rotate(self, now: datetime) -> SigningKey:
        """Add a key that signs from now on; the old ones stay published until they are retired."""
        self._require_folder()
        self.ring()
        stamps = [int(stamp[1]) for name in self._names() if (stamp := _STAMP.match(name))]
        after = max(stamps, default=0) + 1  # a clock that was set back must not make the new key an old one
        return self._add(Ed25519PrivateKey.generate(), stamp=max(int(now.timestamp() * 1000), after))

    def retire(self, kid: str) -> None:
        """Take a key out of the published set. Raises Conflict for the one that signs, NotFound for an unknown one."""
        self._require_folder()
        if kid == self.ring().keys[0].kid:
            raise Conflict(f"Key {kid} signs now: rotate first, then retire it.", code="signing_key_in_use")
        paths = list(self.folder.glob(f"*-{kid}.pem"))
        if not paths:
            raise NotFound(f"There is no signing key {kid!r}.", code="not_found")
        paths[0].unlink()

    def _require_folder(self) -> None:
        if self._pem:
            raise Conflict(
                "The signing keys come from the environment: change AVS_SIGNING_KEY there, the newest key first.",
                code="signing_key_given",
            )

    def _add(self, private: Ed25519PrivateKey, stamp: int) -> SigningKey:
        """Write a key file atomically, readable by its owner only; of two first starts at once one key wins."""
        key = SigningKey(private)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / _FILE.format(stamp=f"{stamp:015d}", kid=key.kid)
        temporary = path.with_suffix(f".{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        return key


def base64url(content: bytes) -> str:
    """Base64 with the URL-safe alphabet, without padding (RFC 4648 section 5)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _parsed(pems: Iterable[str]) -> tuple[SigningKey, ...]:
    keys = tuple(map(_key, pems))
    if not keys:
        raise ValueError("AVS_SIGNING_KEY holds no PEM private key.")
    return keys


def _key(pem: str) -> SigningKey:
    private = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ValueError("A signing key must be an Ed25519 private key in PEM form.")
    return SigningKey(private)
