"""Signing of the documents that apps enforce: Ed25519, detached JWS over the bytes (RFC 7515 appendix F, RFC 8037).

One key signs. Keys are exchanged in steps, so that apps that pin a key set can follow: a new key is published first and
signs nothing, then it is used, and the key before it stays published until it is retired. Each step is one renaming or
one deletion of a file, so a process that dies leaves either the state before or the one after.
"""

import base64
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from app.file_lock import exclusive
from simulation.canonical import canonical_bytes

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----(?:(?!-----).)+-----END [A-Z ]+-----", re.DOTALL)
_FILE, _COMING_FILE = "{stamp}-{kid}.pem", "{stamp}-{kid}.coming"
_STAMP = re.compile(r"(\d{15})-")
_LOCK = "keys.lock"


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
    """The keys in force, newest first: the first one signs, all are published, and so are those that are to sign."""

    keys: Sequence[SigningKey]
    coming: Sequence[SigningKey] = ()

    def sign(self, body: bytes, issued_at: datetime) -> str:
        """`<protected>..<signature>`, equal each time: Ed25519 is deterministic, and `iat` is the document's time."""
        key = self.keys[0]
        protected = base64url(canonical_bytes({"alg": "EdDSA", "iat": int(issued_at.timestamp()), "kid": key.kid}))
        signature = key.private.sign(f"{protected}.{base64url(body)}".encode())
        return f"{protected}..{base64url(signature)}"

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set that clients verify with."""
        return {"keys": [key.jwk() for key in self.published]}

    @property
    def published(self) -> Sequence[SigningKey]:
        """All keys that clients may trust; the first one signs."""
        return (*self.keys, *self.coming)


@dataclass(frozen=True)
class KeyFile:
    """A key of the folder: its identifier, and since when (None: always) it waits to be used, or has signed."""

    kid: str
    since: datetime | None


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
        names = newest_first + self._names("*.coming")
        if self._last_read is None or self._last_read[0] != names:
            keys = _parsed((self.folder / name).read_text() for name in names)
            in_force = len(newest_first)
            self._last_read = names, KeyRing(keys[:in_force], keys[in_force:])
        return self._last_read[1]

    def version(self) -> int | None:
        """What changes with every change of the folder, read in a microsecond; None for keys that never change."""
        try:
            return None if self._pem else self.folder.stat().st_mtime_ns
        except OSError:
            return None

    def signing(self) -> KeyFile:
        """The key that signs, and since when."""
        self._require_folder()
        self.ring()
        return _file(self._names()[0])

    def coming(self) -> KeyFile | None:
        """The key that is published and signs nothing yet, and since when; None when no rotation is under way."""
        self._require_folder()
        names = self._names("*.coming")
        return _file(names[0]) if names else None

    def former(self) -> list[KeyFile]:
        """The keys that no longer sign and are still published, newest first."""
        return [_file(name) for name in self._names()[1:]]

    def is_empty(self) -> bool:
        """Whether there is no key yet, or none any more; the next `ring` makes one."""
        return not self._pem and not self._names()

    def _names(self, pattern: str = "*.pem") -> list[str]:
        """Key files, newest first. Their names tell a change; the folder's time of change may be a tick late."""
        return sorted((path.name for path in self.folder.glob(pattern)), reverse=True)

    def rotate(self, now: datetime) -> SigningKey:
        """Add a key that signs from now on; the old ones stay published until they are retired.

        Raises Conflict while another key waits to be used.
        """
        with self._changing():
            self._require_none_coming()
            return self._add(Ed25519PrivateKey.generate(), stamp=self._stamp(now))

    def add(self, now: datetime) -> SigningKey:
        """Publish a new key that signs nothing yet. Raises Conflict while another one waits to be used."""
        with self._changing():
            self._require_none_coming()
            return self._add(Ed25519PrivateKey.generate(), stamp=int(now.timestamp() * 1000), named=_COMING_FILE)

    def use(self, now: datetime, *, published_for: timedelta = timedelta(0)) -> KeyFile:
        """Let the key that is published already sign from now on; the key before it stays published.

        Raises Conflict when no key waits, or when it has not been published for so long.
        """
        with self._changing():
            coming = self.coming()
            if coming is None:
                raise Conflict("No key waits to be used: `avs keys add` publishes one.", code="no_key_coming")
            _require_age(coming, now, published_for, f"Key {coming.kid} is published since", "use it")
            name = _FILE.format(stamp=f"{self._stamp(now):015d}", kid=coming.kid)
            self._path(coming.kid, "coming").rename(self.folder / name)
            return _file(name)

    def retire(self, kid: str, now: datetime, *, unused_for: timedelta = timedelta(0)) -> None:
        """Take a key out of the published set: one that signs no longer, or one that has signed nothing yet.

        Raises Conflict for the one that signs, and for one that signed until less than so long ago; NotFound for an
        unknown one.
        """
        with self._changing():
            signing = self.signing()
            if kid == signing.kid:
                message = f"Key {kid} signs now: add another one and use it, then retire this one."
                raise Conflict(message, code="signing_key_in_use")
            path = self._path(kid, "*")
            if path.suffix == ".pem":
                _require_age(signing, now, unused_for, f"Key {kid} signed until", "retire it")
            path.unlink()

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one process at a time change the folder, which has a key by then."""
        self._require_folder()
        self.ring()
        with exclusive(self.folder / _LOCK):
            yield

    def _path(self, kid: str, kind: str) -> Path:
        """The file of a key; NotFound when there is none."""
        for path in self.folder.glob(f"*-{kid}.{kind}"):
            if path.suffix in (".pem", ".coming"):
                return path
        raise NotFound(f"There is no signing key {kid!r}.", code="not_found")

    def _stamp(self, now: datetime) -> int:
        """The stamp of a key that signs from now on: a clock that was set back must not make it an old one."""
        stamps = [int(stamp[1]) for name in self._names() if (stamp := _STAMP.match(name))]
        return max(int(now.timestamp() * 1000), max(stamps, default=0) + 1)

    def _require_none_coming(self) -> None:
        if (coming := self.coming()) is not None:
            raise Conflict(
                f"Key {coming.kid} is published and waits to be used: `avs keys use`, or take it back with "
                f"`avs keys retire {coming.kid}`.",
                code="signing_key_coming",
            )

    def _require_folder(self) -> None:
        if self._pem:
            raise Conflict(
                "The signing keys come from the environment: change AVS_SIGNING_KEY there, the newest key first.",
                code="signing_key_given",
            )

    def _add(self, private: Ed25519PrivateKey, stamp: int, named: str = _FILE) -> SigningKey:
        """Write a key file atomically, readable by its owner only; of two first starts at once one key wins."""
        key = SigningKey(private)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / named.format(stamp=f"{stamp:015d}", kid=key.kid)
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
        return key


def _file(name: str) -> KeyFile:
    stamp, _, rest = name.partition("-")
    since = datetime.fromtimestamp(int(stamp) / 1000, UTC) if int(stamp) else None
    return KeyFile(rest.rpartition(".")[0], since)


def _require_age(key: KeyFile, now: datetime, age: timedelta, since: str, act: str) -> None:
    """Raise Conflict unless what is said of the key is so for that long; an age of nothing asks no clock."""
    ends = key.since + age if key.since is not None and age else None
    if ends is not None and now < ends:
        raise Conflict(
            f"{since} {_moment(key.since)}, and apps may go on with what they had then until {_moment(ends)}: {act} "
            "after that, or with --now if every app has the new key set.",
            code="too_early_for_apps",
        )


def _moment(value: datetime | None) -> str:
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M UTC")


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
