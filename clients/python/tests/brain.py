"""A small AVS Brain for the tests: a real HTTP server that speaks the delivery contract with real Ed25519 keys.

It can be broken on purpose: stopped and started on the same port, or made to send what it should not.
"""

import base64
import contextlib
import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from avs_brain_client.json_text import exact_json, parse_exact

HEARTBEAT_SECONDS = 0.2
Answer = tuple[bytes, str, str]
"""Body, signature, etag."""


def base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


class Key:
    """A signing key with a name."""

    def __init__(self, kid: str) -> None:
        self.kid, self.private = kid, Ed25519PrivateKey.generate()

    def jwk(self) -> dict[str, str]:
        x = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "kid": self.kid, "x": base64url(x), "use": "sig", "alg": "EdDSA"}

    def sign(self, body: bytes, issued_at: int, **header: Any) -> str:
        fields = {"alg": "EdDSA", "iat": issued_at, "kid": self.kid, **header}
        protected = base64url(json.dumps(fields).encode())
        return f"{protected}..{base64url(self.private.sign(f'{protected}.{base64url(body)}'.encode()))}"


class Brain:
    """`events` are the accepted enforcement events, `batches` what was posted, `usage` the usage events by id; `spoil`
    may change any answer, `token` is what callers must have.
    """

    def __init__(self) -> None:
        self.key = Key("key-1")
        self.published = [self.key]
        self.events: dict[str, Mapping[str, Any]] = {}
        self.batches: list[list[Mapping[str, Any]]] = []
        self.usage: dict[str, Mapping[str, Any]] = {}
        self.sent_usage: list[str] = []
        self.token: str | None = None
        self.asked: list[str] = []
        self.spoil: Callable[[Answer], Answer] = lambda answer: answer
        self.refuse: Callable[[Mapping[str, Any]], bool] = lambda event: False
        self.lose_answers = False
        self.knows_numbers = True
        self.streams = True
        self._answer: Answer | None = None
        self._changed = threading.Condition()
        self.connections: set[socket.socket] = set()
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.jwk() for key in self.published]}

    def start(self) -> None:
        handler = type("Bound", (Handler,), {"brain": self})
        self._server = Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """As if it was killed: nobody answers any more, every connection breaks."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        with self._changed:
            self._changed.notify_all()

    @property
    def running(self) -> bool:
        return self._server is not None

    def activate(self, document: Mapping[str, Any], *, issued_at: int | None = None) -> Answer:
        """Sign and serve a document from now on."""
        body = exact_json(document).encode()
        signature = self.key.sign(body, int(time.time()) if issued_at is None else issued_at)
        with self._changed:
            self._answer = body, signature, hashlib.sha256(body).hexdigest()
            self._changed.notify_all()
            return self._answer

    def answer(self) -> Answer | None:
        return None if self._answer is None else self.spoil(self._answer)

    def wait_for_another(self, etag: str | None, seconds: float) -> Answer | None:
        """The answer as soon as it has another etag; None when the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self.running or (self._answer and self._answer[2] != etag), seconds)
            found = self.answer()
        return None if found is None or found[2] == etag else found


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that die in the middle of a request are what some tests are about."""


class Handler(BaseHTTPRequestHandler):
    brain: Brain
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.brain.connections.add(self.connection)

    def finish(self) -> None:
        self.brain.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        path, query = urlsplit(self.path).path, parse_qs(urlsplit(self.path).query)
        self.brain.asked.append(path)
        if self.brain.token is not None and self.headers.get("Authorization") != f"Bearer {self.brain.token}":
            self._send(401, json.dumps({"detail": "Who are you?"}).encode())
        elif path == "/api/runtime/keys":
            self._send(200, json.dumps(self.brain.jwks).encode())
        elif path == "/api/runtime/stream":
            self._stream()
        else:
            self._config(float(query.get("wait", ["0"])[0]))

    def do_POST(self) -> None:
        events = parse_exact(self.rfile.read(int(self.headers["Content-Length"])))
        if self.brain.token is not None and self.headers.get("Authorization") != f"Bearer {self.brain.token}":
            self._send(401, json.dumps({"detail": "Who are you?"}).encode())
        elif self.path == "/api/usage-events":
            self._take_usage(events)
        else:
            self._take_events(events)

    def _take_usage(self, events: list[Mapping[str, Any]]) -> None:
        rejects = [
            {"row": row, "event_id": event["event_id"], "field": "customer_id", "reason": "is refused"}
            for row, event in enumerate(events, start=1)
            if self.brain.refuse(event)
        ]
        refused = {reject["event_id"] for reject in rejects}
        for event in events:
            if event["event_id"] not in refused:
                self.brain.sent_usage.append(event["event_id"])
                self.brain.usage.setdefault(event["event_id"], event)
        if self.brain.lose_answers:
            self.close_connection = True
            return
        self._send(202 if len(rejects) < len(events) else 422, exact_json({"rejects": rejects}).encode())

    def _take_events(self, events: list[Mapping[str, Any]]) -> None:
        self.brain.batches.append(events)
        results = [self._accept(event) for event in events]
        if self.brain.lose_answers:
            self.close_connection = True
            return
        self._send(202, exact_json({"results": results}).encode())

    def _accept(self, event: Mapping[str, Any]) -> dict[str, Any]:
        name = event["enforcement_event_id"]
        wrong = "/customer_id" if self.brain.refuse(event) else None
        if "client_id" in event and not self.brain.knows_numbers:
            wrong = "/client_id"
        if wrong is not None:
            return {"status": "rejected", "enforcement_event_id": name, "errors": [{"pointer": wrong}]}
        status = "duplicate" if name in self.brain.events else "accepted"
        self.brain.events.setdefault(name, event)
        return {"status": status, "enforcement_event_id": name, "errors": []}

    def _config(self, wait: float) -> None:
        etag = (self.headers.get("If-None-Match") or "").strip('"') or None
        found = self.brain.answer()
        if found is not None and found[2] == etag:
            found = self.brain.wait_for_another(etag, wait) if wait else None
            if found is None:
                self._send(304, b"")
                return
        if found is None:
            self._send(404, json.dumps({"code": "no_active_config", "detail": "Nothing is active."}).encode())
            return
        body, signature, etag = found
        self._send(200, body, {"ETag": f'"{etag}"', "AVS-Signature": signature, "Cache-Control": "no-cache"})

    def _stream(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        last = self.headers.get("Last-Event-ID")
        try:
            while self.brain.running and self.brain.streams:
                found = self.brain.wait_for_another(last, HEARTBEAT_SECONDS)
                self.wfile.write(b": hb\n\n" if found is None else _event(found))
                self.wfile.flush()
                last = last if found is None else found[2]
        except OSError:
            return

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Tests say what they see themselves."""


def _event(answer: Answer) -> bytes:
    body, signature, etag = answer
    data = {"etag": etag, "signature": signature, "document_b64": base64.b64encode(body).decode()}
    return f"event: config\nid: {etag}\ndata: {json.dumps(data)}\n\n".encode()
