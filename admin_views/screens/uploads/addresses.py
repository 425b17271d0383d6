"""The addresses of the screens that bring in files."""

from app.services.uploads.store import Upload

DATA_MODE = "/setup/data-mode"
NEXT_SCREEN = "/cycles/new/context"
"""Where the operator goes on once there is usage to decide on."""


def address_of(upload: Upload) -> str:
    """The address of an upload's preview, its progress and its report."""
    return f"{DATA_MODE}/uploads/{upload.upload_id}"
