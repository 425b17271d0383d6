"""Settings, read once from the environment by the composition root."""

import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from flask import Flask

from app.cors import ORIGINS, cors_origins
from app.errors import BadSetting
from app.hosts import TRUSTED_HOSTS, trusted_hosts
from app.limits import LIMITS, limits
from app.sizes import MAX_BODY_BYTES

REMEMBERED_FOR = timedelta(days=180)
"""How long a browser that does not come back keeps its workspace, its cycle and who works there."""
VIEWS_KEPT = timedelta(days=90)
"""How long the product event log keeps what was only viewed, unless `AVS_KEEP_VIEWS_DAYS` says otherwise."""
MAX_DAYS = 36_500
MIN_SECRET_LENGTH = 16
SETTINGS = (
    "AVS_DATA_DIR",
    "DATABASE_URL",
    "AVS_API_TOKEN",
    "AVS_TRUSTED_HOSTS",
    "AVS_CORS_ORIGINS",
    "AVS_SECRET_KEY",
    "AVS_SIGNING_KEY",
    "AVS_PUBLISH_URL",
    "AVS_KEEP_VIEWS_DAYS",
    "AVS_THREADS",
    "AVS_QUEUE_SECONDS",
    "AVS_CLIENT_SECONDS",
    "AVS_BENCH_DIR",
    "AVS_BENCH_BESIDE",
    "AVS_WRITE_GOLDEN",
)
"""Every setting; the last three are read by benchmarks and tests alone."""


def settings(environ: Mapping[str, str] = os.environ) -> dict[str, object]:
    """Flask settings from `AVS_DATA_DIR`, `DATABASE_URL`, `AVS_SECRET_KEY`, `AVS_SIGNING_KEY` (PEM, newest
    first; without it a key is made beside the data), `AVS_PUBLISH_URL` (docs/publishing.md), `AVS_API_TOKEN`,
    `AVS_KEEP_VIEWS_DAYS`, `AVS_TRUSTED_HOSTS`, `AVS_CORS_ORIGINS` and those of `app/limits.py`; makes the directory.
    Raises BadSetting."""
    data_dir = data_directory(environ)
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        "DATA_DIR": data_dir,
        "SQLALCHEMY_DATABASE_URI": database_url(environ),
        "SECRET_KEY": environ.get("AVS_SECRET_KEY") or _kept_secret(data_dir / "secret_key"),
        "SIGNING_KEY": environ.get("AVS_SIGNING_KEY") or None,
        "PUBLISH_URL": environ.get("AVS_PUBLISH_URL") or None,
        "API_TOKEN": environ.get("AVS_API_TOKEN") or None,
        TRUSTED_HOSTS: trusted_hosts(environ),
        ORIGINS: cors_origins(environ),
        "KEEP_VIEWS": days(environ, "AVS_KEEP_VIEWS_DAYS", VIEWS_KEPT),
        LIMITS: limits(environ),
        "MAX_CONTENT_LENGTH": MAX_BODY_BYTES,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_HTTPONLY": True,
        "PERMANENT_SESSION_LIFETIME": REMEMBERED_FOR,
    }


def data_directory(environ: Mapping[str, str]) -> Path:
    """The folder of everything that is kept on disk, by its whole path."""
    return Path(environ.get("AVS_DATA_DIR") or "var").resolve()


def database_url(environ: Mapping[str, str]) -> str:
    """The control database's URL as SQLAlchemy takes it, a SQLite file by its whole path."""
    url = environ.get("DATABASE_URL")
    if not url:
        return f"sqlite:///{data_directory(environ) / 'avs.db'}"
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and path and not path.startswith(("/", ":", "file:")):
        return (
            f"sqlite:///{Path(Flask('app.core', static_folder=None).instance_path) / path}"  # Flask-SQLAlchemy's rule
        )
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):  # the driver we ship is psycopg 3
            return "postgresql+psycopg://" + url.removeprefix(scheme)
    return url


def days(environ: Mapping[str, str], name: str, usual: timedelta) -> timedelta:
    """A setting of whole days. Raises BadSetting."""
    text = environ.get(name, "").strip() or str(usual.days)
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) <= MAX_DAYS:
        raise BadSetting(f"{name} is {text!r}: give a whole number of days, 1 to {MAX_DAYS}.", code="bad_setting")
    return timedelta(days=int(text))


def _kept_secret(path: Path) -> str:
    """A secret made on first start and kept beside the data, readable by its owner only."""
    if not path.exists():
        scratch = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32))
        with suppress(FileExistsError):  # of two first starts at once one secret wins, and nobody reads half of it
            os.link(scratch, path)
        scratch.unlink()
    secret = path.read_text().strip()
    if not secret:
        raise BadSetting(f"The secret key {path} is empty: delete it for a new one.", code="secret_key_empty")
    return secret
