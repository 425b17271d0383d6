"""Where a server publishes to, and what it has published: the pointer that apps follow when no server answers."""

import json
import sqlite3
from pathlib import Path

from tests.databases import DATABASE
from tests.faults.lumina import CANDIDATE, SUBJECT, WORKSPACE
from tests.faults.running import Server, eventually

OWN = f"UPDATE workspaces SET is_demo = false WHERE workspace_id = '{WORKSPACE}'"
"""The demo is never published; this makes its workspace an operator's own."""


def publish_to(server: Server, folder: Path) -> None:
    """Let it publish to the folder from its next start on, the workspace of the demo as an operator's own."""
    server.environment["AVS_PUBLISH_URL"] = folder.as_uri()
    with sqlite3.connect(server.data_dir / DATABASE) as database:
        database.execute(OWN)


def folder_of(server: Server) -> Path:
    """The folder that it publishes to."""
    return Path(server.environment["AVS_PUBLISH_URL"].removeprefix("file://"))


def pointer(server: Server) -> str | None:
    """The config version that the demo's subject is published with; None while there is none."""
    path = folder_of(server).joinpath("current", *SUBJECT.values()).with_suffix(".json")
    try:
        config_version_id: str = json.loads(path.read_text())["config_version_id"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return config_version_id


def until_published(server: Server, config_version_id: str = CANDIDATE) -> float:
    """Wait until the pointer names the version; the seconds that it took."""
    return eventually(lambda: pointer(server) == config_version_id)
