"""The data directory, the secret key and the signing keys: there, whole, and private to their owner."""

import os
import stat
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from app.checks.surroundings import Remark, Surroundings
from app.services.delivery.signing import KeyStore

PRIVATE_FOLDER, PRIVATE_FILE = 0o700, 0o600
OTHERS = 0o077
KEPT_HERE = ("avs.db*", "secret_key", "installation", "*.lock", "usage", "uploads", "spool", "signing_keys")
"""What is the product's in a data directory; anything else there is left as it is."""


def data_directory_can_be_written(here: Surroundings) -> Iterator[Remark]:
    """The directory is there, or can be made in a folder that is; it is this user's, and takes files."""
    folder = here.data_dir
    if not folder.exists():
        if not folder.parent.is_dir():
            yield Remark(
                f"AVS_DATA_DIR is {folder}, and there is no folder {folder.parent}: create it, or correct the path."
            )
        elif not os.access(folder.parent, os.W_OK | os.X_OK):
            yield Remark(f"The data directory {folder} cannot be made: {folder.parent} cannot be written by this user.")
        return
    if not folder.is_dir():
        yield Remark(f"AVS_DATA_DIR is {folder}, which is a file: give a folder.")
        return
    if (problem := _not_written(folder)) is not None:
        yield Remark(
            f"The data directory {folder} cannot be written: {problem}. Let it belong to the user of AVS Brain."
        )
    elif (owner := folder.stat().st_uid) != os.geteuid():
        yield Remark(
            f"The data directory {folder} belongs to the user with the number {owner}, and AVS Brain runs as "
            f"{os.geteuid()}: start it as that user, or `chown -R` the folder.",
            stops=os.geteuid() != 0,
        )


def _not_written(folder: Path) -> str | None:
    """Why no file can be made in the folder; None when one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def secret_key_is_whole(here: Surroundings) -> Iterator[Remark]:
    """The key that signs sessions, where it is kept in a file, is not empty, and nobody else can read it."""
    path = here.data_dir / "secret_key"
    if here.environ.get("AVS_SECRET_KEY") or not path.exists():
        return
    if (problem := _not_private(path)) is not None:
        yield Remark(problem)
        return
    try:
        secret = path.read_text().strip()
    except (OSError, ValueError) as error:
        yield Remark(f"The secret key {path} cannot be read: {error}. Restore it, or delete it for a new one.")
        return
    if not secret:
        yield Remark(f"The secret key {path} is empty, so that anyone could forge a session: delete it for a new one.")


def signing_keys_can_sign(here: Surroundings) -> Iterator[Remark]:
    """Every key is an Ed25519 key in PEM form, and nobody else can read it."""
    if pem := here.environ.get("AVS_SIGNING_KEY"):
        try:
            KeyStore(here.data_dir / "signing_keys", pem).ring()
        except ValueError:
            yield Remark("AVS_SIGNING_KEY holds no Ed25519 private key in PEM form: correct it, the newest key first.")
        return
    folder = here.data_dir / "signing_keys"
    for path in sorted((*folder.glob("*.pem"), *folder.glob("*.coming"))):
        if (problem := _not_private(path)) is not None:
            yield Remark(problem)
        elif not _is_key(path):
            yield Remark(
                f"The signing key {path} is empty or damaged: restore it from a backup; apps trust documents by it. "
                "Without one, move it away: the other keys sign, or a new one."
            )


def exchange_of_keys_is_done(here: Surroundings) -> Iterator[Remark]:
    """No key waits to be used, and none that no longer signs is still published."""
    store = KeyStore(here.data_dir / "signing_keys", here.environ.get("AVS_SIGNING_KEY"))
    if store.is_empty() or here.environ.get("AVS_SIGNING_KEY"):
        return
    if (coming := store.coming()) is not None:
        yield Remark(
            f"The signing key {coming.kid} is published since {_day(coming.since)} and signs nothing yet: `avs keys "
            f"use` once apps have it, or `avs keys retire {coming.kid}`.",
            stops=False,
        )
    for former in store.former():
        yield Remark(
            f"The signing key {former.kid} no longer signs and is still published: `avs keys retire {former.kid}` "
            "once apps have what the newer one signed.",
            stops=False,
        )


def _day(moment: datetime | None) -> str:
    return "the beginning" if moment is None else f"{moment:%Y-%m-%d %H:%M UTC}"


def _is_key(path: Path) -> bool:
    try:
        return bool(KeyStore(path.parent, path.read_text()).ring().keys) if path.stat().st_size else False
    except (OSError, ValueError):
        return False


def _not_private(path: Path) -> str | None:
    """The sentence about a secret that others may read; None where only its owner may."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & OTHERS:
        return None
    return f"{path} can be read by others (mode {mode:04o}): `chmod 600` it; if somebody may have read it, replace it."


def make_private(data_dir: Path) -> int:
    """Take from others what they could read or write of the data directory; returns how many files that changed.

    Raises nothing for what belongs to another user: it is left as it is.
    """
    changed = int(_restrict(data_dir))
    for pattern in KEPT_HERE:
        for path in data_dir.glob(pattern):
            changed += _restrict(path)
            changed += sum(map(_restrict, path.rglob("*"))) if path.is_dir() else 0
    return changed


def _restrict(path: Path) -> bool:
    try:
        status = path.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode) or not mode & OTHERS:
            return False
        path.chmod(mode & ~OTHERS)
    except OSError:
        return False
    return True
