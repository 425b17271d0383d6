"""Whether the database and the data directory are one installation's, and neither of them is lost (decision 36)."""

from collections.abc import Iterator
from pathlib import Path

from app.checks.facts import DatabaseDown, facts_of
from app.checks.surroundings import Remark, Surroundings

ID_FILE = "installation"
ADOPT = "If they are meant to go together, say so: `avs doctor --adopt`."


def database_and_data_belong_together(here: Surroundings) -> Iterator[Remark]:
    """Neither is new while the other is not, and both name the same installation; so nothing begins anew unnoticed."""
    try:
        facts = facts_of(here)
    except DatabaseDown:
        return  # said by the check of the database
    kept = read_id(here.data_dir)
    if facts.is_new:
        yield from _lost_database(here, kept)
    elif facts.installation_id is not None and facts.installation_id != kept:
        yield _other_directory(here, facts.installation_id, kept)


def _lost_database(here: Surroundings, kept: str | None) -> Iterator[Remark]:
    remains = list(traces(here))
    if remains:
        of = f" of {kept}" if kept else ""
        yield Remark(
            f"The database {_named(here)} is empty, and there are {' and '.join(remains)}: it was lost, or "
            f"DATABASE_URL or AVS_DATA_DIR is not what it was. Restore the database{of}, or correct them. {ADOPT}"
        )


def _other_directory(here: Surroundings, of_database: str, kept: str | None) -> Remark:
    of_directory = f"of {kept}" if kept else "of no installation yet"
    return Remark(
        f"The database {_named(here)} is of the installation {of_database}, and the data directory {here.data_dir} "
        f"{of_directory}: one of them was swapped, restored from elsewhere or not mounted. Bring back the other half, "
        f"or correct DATABASE_URL or AVS_DATA_DIR. {ADOPT}"
    )


def keys_are_kept(here: Surroundings) -> Iterator[Remark]:
    """Once an installation has served documents, it has keys: a new one made unasked would be trusted by no app."""
    try:
        facts = facts_of(here)
    except DatabaseDown:
        return  # said by the check of the database
    has_keys = here.environ.get("AVS_SIGNING_KEY") or any((here.data_dir / "signing_keys").glob("*.pem"))
    if facts.installation_id is not None and facts.has_documents and not has_keys:
        yield Remark(
            f"Apps have documents, and the keys that signed them are gone from {here.data_dir / 'signing_keys'}: "
            "restore them from a backup, or set AVS_SIGNING_KEY as it was. Without either, `avs keys rotate` makes "
            "a new one."
        )


def traces(here: Surroundings) -> Iterator[str]:
    """What says that the data directory, or what is published, was in use: as parts of a sentence."""
    if any((here.data_dir / "usage").rglob("*.parquet")) or _index_has_events(here.data_dir / "usage" / "index.sqlite"):
        yield f"usage events in {here.data_dir / 'usage'}"
    if any((here.data_dir / "signing_keys").glob("*.pem")):
        yield f"signing keys in {here.data_dir / 'signing_keys'}"
    if any((here.data_dir / "uploads").glob("*/up_*")):
        yield f"uploads in {here.data_dir / 'uploads'}"
    if _is_published(here):
        yield f"documents published to {here.environ['AVS_PUBLISH_URL']}"


def _index_has_events(index: Path) -> bool:
    """Whether events wait in the index for their file; an index that cannot be read is a trace too."""
    import sqlite3

    if not index.exists():
        return False
    try:
        connection = sqlite3.connect(index)
        try:
            return connection.execute("SELECT 1 FROM tail LIMIT 1").fetchone() is not None
        finally:
            connection.close()
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.DatabaseError:
        return True


def _is_published(here: Surroundings) -> bool:
    """Whether pointers lie where this installation would publish; a store that does not answer says nothing."""
    url = here.environ.get("AVS_PUBLISH_URL")
    if not url:
        return False
    from app.errors import AvsError
    from app.services.delivery.object_store import PublishStore  # late: fsspec is for those who publish
    from app.services.delivery.pointers import CURRENT

    try:
        return bool(PublishStore(url).paths(CURRENT))
    except AvsError:
        return False


def _named(here: Surroundings) -> str:
    return str(here.sqlite_file or here.database_url.rpartition("@")[2])


def read_id(data_dir: Path) -> str | None:
    """The installation that the data directory is of; None for a new one, and one from before there were ids."""
    try:
        return (data_dir / ID_FILE).read_text().strip() or None
    except (OSError, ValueError):
        return None
