"""Clients that speak HTTP by hand, so that they may be as slow, as silent or as suddenly gone as one likes."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from urllib.parse import urlencode

from simulation.canonical import JsonObject, parse_exact
from tests.faults.lumina import SUBJECT
from tests.faults.running import Server

CONFIG, STREAM = "/api/runtime/config", "/api/runtime/stream"
SMALL_BUFFER = 4_096
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def head(method: str, target: str, **headers: object) -> bytes:
    """The head of a request, with its last empty line."""
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def connected(server: Server, *, small: bool = False) -> socket.socket:
    """A connection; a small one takes next to nothing that it does not read."""
    client = socket.socket()
    if small:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    client.settimeout(30)
    client.connect(("127.0.0.1", server.port))
    return client


@contextmanager
def many(server: Server, number: int, request: bytes, *, small: bool = False) -> Iterator[list[socket.socket]]:
    """So many connections that have sent this much of a request."""
    clients = [connected(server, small=small) for _ in range(number)]
    try:
        for client in clients:
            client.sendall(request)
        yield clients
    finally:
        for client in clients:
            client.close()


def stream_request() -> bytes:
    return head("GET", f"{STREAM}?{urlencode(SUBJECT)}", Accept="text/event-stream")


def long_poll_request(etag: str, seconds: int = 30) -> bytes:
    return head("GET", f"{CONFIG}?{urlencode(SUBJECT | {'wait': str(seconds)})}", If_None_Match=etag)


def begin(client: socket.socket, path: str, body: bytes, *, sent: int | None = None) -> None:
    """Send JSON, or only so many bytes of it, once the server has begun to read: the request is under way."""
    headers = {"Content_Type": "application/json", "Content_Length": len(body), "Expect": "100-continue"}
    client.sendall(head("POST", path, **headers))
    assert client.recv(len(CONTINUE)) == CONTINUE
    client.sendall(body[:sent])


def answer(client: socket.socket) -> JsonObject:
    """The document of the answer that comes now."""
    response = HTTPResponse(client)
    response.begin()
    document: JsonObject = parse_exact(response.read())
    return document


def rest_of(client: socket.socket) -> bytes:
    """Everything until the server closes the connection, or resets it."""
    pieces = []
    try:
        while piece := client.recv(65_536):
            pieces.append(piece)
    except ConnectionError:
        pass
    return b"".join(pieces)
