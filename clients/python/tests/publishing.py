"""A published location for the tests: what AVS Brain writes to a bucket, in a folder, and a file server in front of it.

The server says an ETag as nginx does (time of change in seconds, and length) and answers 304, as a CDN would.
"""

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from avs_brain_client.json_text import exact_json
from brain import Key
from documents import SUBJECT

POINTER = "current/{workspace_id}/{segment}/{stage}/{target_environment}.json".format(**SUBJECT)


class Location:
    """`key` signs; `keys` are published."""

    def __init__(self, folder: Path, key: Key) -> None:
        self.folder, self.key, self.keys = folder, key, [key]
        self.publish_keys()

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk() for key in self.keys]}

    def publish_keys(self) -> None:
        self.write("keys.json", json.dumps(self.jwks).encode())

    def publish(self, document: Mapping[str, Any], *, issued_at: int | None = None, pointer: str = POINTER) -> str:
        """The document, then its pointer; the digest."""
        body = exact_json(document).encode()
        digest = hashlib.sha256(body).hexdigest()
        self.write(f"documents/{digest}.json", body)
        signature = self.key.sign(body, int(time.time()) if issued_at is None else issued_at)
        fields = {"digest": digest, "signature": signature, "document": "https://elsewhere.example/x.json"}
        self.write(pointer, json.dumps(fields).encode())
        return digest

    def write(self, path: str, content: bytes) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        later = int(target.stat().st_mtime) + 1 if target.exists() else 0
        temporary = target.with_name(".new")
        temporary.write_bytes(content)
        moment = max(int(time.time()), later)
        os.utime(temporary, (moment, moment))
        temporary.replace(target)


class Files(SimpleHTTPRequestHandler):
    """Plain files, with ETags; `asked` is (path, status)."""

    def __init__(self, *given: Any, asked: list[tuple[str, int]], password: str | None, **options: Any) -> None:
        self.asked, self.password = asked, password
        super().__init__(*given, **options)

    def do_GET(self) -> None:
        if self.password is not None and self.headers.get("Authorization") != self.password:
            self._answer(401, b"", "")
            return
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self._answer(404, b"", "")
            return
        about = path.stat()
        etag = f'"{int(about.st_mtime):x}-{about.st_size:x}"'
        known = self.headers.get("If-None-Match") == etag
        self._answer(304 if known else 200, b"" if known else path.read_bytes(), etag)

    def _answer(self, status: int, body: bytes, etag: str) -> None:
        self.asked.append((self.path, status))
        self.send_response(status)
        self.send_header("ETag", etag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests say what they see themselves."""


@contextmanager
def served(folder: Path, password: str | None = None) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """The folder over HTTP: its address, and what was asked for. `password`: the Authorization that it wants."""
    asked: list[tuple[str, int]] = []
    with ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Files, directory=str(folder), asked=asked, password=password)
    ) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
