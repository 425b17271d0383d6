"""What a start finds: its environment, and what each check says of it."""

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from app.config import data_directory, database_url


@dataclass(frozen=True)
class Remark:
    """A sentence about what is not as it should be. One that `stops` must be mended before anything works."""

    sentence: str
    stops: bool = True


@dataclass(frozen=True)
class Surroundings:
    """The environment, and the address to serve on. `is_serving`: a server is about to listen there."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    host: str = "127.0.0.1"
    port: str = "5000"
    is_serving: bool = False

    @cached_property
    def data_dir(self) -> Path:
        """The data directory, which may not be there."""
        return data_directory(self.environ)

    @cached_property
    def database_url(self) -> str:
        """The control database's URL, as SQLAlchemy takes it; a SQLite file by its whole path."""
        return database_url(self.environ)

    @property
    def sqlite_file(self) -> Path | None:
        """The control database's file; None where it is PostgreSQL."""
        scheme, _, path = self.database_url.partition(":///")
        return Path(path) if scheme.startswith("sqlite") else None


Examine = Callable[[Surroundings], Iterator[Remark]]
