"""The addresses of the screens that bring in files."""

from app.services.uploads.store import MAX_BYTES, Upload

DATA_MODE = "/setup/data-mode"
NEXT_SCREEN = "/cycles/new/context"
"""Where the operator goes on once there is usage to decide on."""
AROUND_THE_FILE = 64 * 1024  # bytes of a request besides the file: its boundaries and the token


def address_of(upload: Upload) -> str:
    """The address of an upload's preview, its progress and its report."""
    return f"{DATA_MODE}/uploads/{upload.upload_id}"


def upload_limit(path: str) -> int | None:
    """The bytes that a request may have which sends a file to this path; None where no file is sent."""
    kind = path.removeprefix(f"{DATA_MODE}/upload/")
    return MAX_BYTES[kind] + AROUND_THE_FILE if kind in MAX_BYTES else None
