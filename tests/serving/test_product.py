"""What stands between clients and the product's threads: places, bodies, answers, at the seam of ASGI and WSGI."""

import asyncio
import errno
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest
from a2wsgi.wsgi_typing import Environ, IterableChunks, StartResponse, WSGIApp

from app.delivery.plane import Message, Scope
from app.limits import Limits
from app.serving.product import Product
from app.serving.spool import PIECE, Spool
from simulation.canonical import parse_exact

LIMIT = 4 * PIECE


class Client:
    """A client that sends pieces of a body, then waits; what it was answered is in `messages`."""

    def __init__(self, pieces: Iterable[bytes] = (), *, whole: bool = True, leaves: bool = False) -> None:
        self._pieces, self._whole, self._leaves = list(pieces) or [b""], whole, leaves
        self.messages: list[Message] = []

    async def receive(self) -> Message:
        if self._pieces:
            piece = self._pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(self._pieces) or not self._whole}
        if not self._leaves:
            await asyncio.sleep(60)
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"])


def scope(path: str = "/api/x", **headers: str) -> Scope:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {
        "type": "http",
        "method": "POST",
        "path": path,
        "query_string": b"",
        "http_version": "1.1",
        "headers": named,
        "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
    }


def answering(answer: Callable[[Environ], Iterable[bytes]]) -> WSGIApp:
    def call(environ: Environ, start_response: StartResponse) -> IterableChunks:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return answer(environ)

    return call


def echo(environ: Environ) -> list[bytes]:
    content = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return [environ["CONTENT_LENGTH"].encode(), b" ", content]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


def product(app: WSGIApp, spool: Spool, *, limit: int = LIMIT, **limits: float) -> Product:
    usual = {"threads": 2, "queue_seconds": 0.3, "client_seconds": 0.3} | limits
    chosen = Limits(int(usual["threads"]), usual["queue_seconds"], usual["client_seconds"])
    return Product(app, chosen, lambda _: limit, spool, lambda _refusal, _error: None)


def run(work: Awaitable[None]) -> None:
    """Do the work in a thread of its own: a browser of other tests may have its event loop in this one."""

    async def within() -> None:
        await asyncio.wait_for(work, 60)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(within())).result()


async def until(is_so: Callable[[], object]) -> None:
    while not is_so():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("size", [0, 10, PIECE, 3 * PIECE + 1], ids=["none", "small", "a piece", "on disk"])
def test_the_product_reads_whole_whatever_came_in_pieces_of_unknown_number(spool: Spool, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    client = Client([content[start : start + 10_000] for start in range(0, size, 10_000)])
    run(product(answering(echo), spool)(scope(transfer_encoding="chunked"), client.receive, client.send))
    assert client.body == f"{size} ".encode() + content
    assert spool.held == 0


def test_a_body_beyond_its_limit_is_not_kept_and_the_product_learns_that_it_is_longer(spool: Spool) -> None:
    client = Client([b"x" * PIECE] * 10)
    length = answering(lambda environ: [environ["CONTENT_LENGTH"].encode()])
    run(product(length, spool)(scope(), client.receive, client.send))
    assert int(client.body) > LIMIT
    assert spool.held == 0


def test_a_body_announced_as_too_large_is_not_read(spool: Spool) -> None:
    client = Client([b"x"], whole=False)
    length = answering(lambda environ: [environ["CONTENT_LENGTH"].encode()])
    run(product(length, spool)(scope(content_length="99999999"), client.receive, client.send))
    assert client.body == b"99999999"


def test_a_body_that_does_not_come_is_refused_and_takes_no_thread(spool: Spool) -> None:
    client = Client([b"half"], whole=False)
    run(product(answering(_not_called), spool)(scope(), client.receive, client.send))
    assert client.status == 408
    assert parse_exact(client.body)["code"] == "request_timeout"
    assert client.headers[b"connection"] == b"close"
    assert spool.held == 0


def _not_called(_: Environ) -> list[bytes]:
    raise AssertionError


def test_people_are_told_on_a_page(spool: Spool) -> None:
    client = Client([b"half"], whole=False)
    run(product(answering(_not_called), spool)(scope("/cycles"), client.receive, client.send))
    assert client.headers[b"content-type"] == b"text/html; charset=utf-8"
    assert b"did not arrive in time" in client.body


def test_a_request_that_gets_no_thread_in_time_is_refused_and_the_next_one_is_answered(spool: Spool) -> None:
    go_on = threading.Event()

    def waits(_: Environ) -> list[bytes]:
        go_on.wait(60)
        return [b"done"]

    async def crowd() -> None:
        asked = product(answering(waits), spool)
        clients = [Client() for _ in range(3)]
        tasks = [asyncio.create_task(asked(scope(), client.receive, client.send)) for client in clients]
        await until(lambda: clients[2].messages)
        assert clients[2].status == 503
        assert clients[2].headers[b"retry-after"] == b"5"
        assert parse_exact(clients[2].body)["code"] == "server_busy"
        go_on.set()
        await asyncio.gather(*tasks)
        assert [client.body for client in clients[:2]] == [b"done", b"done"]
        again = Client()
        await asked(scope(), again.receive, again.send)
        assert again.body == b"done"

    run(crowd())


def test_a_client_that_leaves_the_queue_frees_its_place(spool: Spool) -> None:
    is_waiting, go_on = threading.Event(), threading.Event()

    def waits(_: Environ) -> list[bytes]:
        is_waiting.set()
        go_on.wait(60)
        return [b"done"]

    async def leaving() -> None:
        asked = product(answering(waits), spool, threads=1, queue_seconds=60)
        first, gone, last = Client(), Client(leaves=True), Client()
        tasks = [asyncio.create_task(asked(scope(), first.receive, first.send))]
        await until(is_waiting.is_set)
        await asked(scope(), gone.receive, gone.send)  # ends although nobody goes on
        tasks.append(asyncio.create_task(asked(scope(), last.receive, last.send)))
        await asyncio.sleep(0.05)
        go_on.set()
        await asyncio.gather(*tasks)
        assert (first.body, gone.messages, last.body) == (b"done", [], b"done")

    run(leaving())


def test_a_thread_is_free_while_its_answer_waits_for_a_slow_reader(spool: Spool) -> None:
    content = [bytes([number]) * PIECE for number in range(12)]

    async def slowly() -> None:
        asked = product(answering(lambda _: content), spool, threads=1, client_seconds=60)
        reads = asyncio.Event()
        slow, quick = Client(), Client()

        async def send_slowly(message: Message) -> None:
            await reads.wait()
            await slow.send(message)

        task = asyncio.create_task(asked(scope(), slow.receive, send_slowly))
        await asyncio.sleep(0.1)
        await asked(scope(), quick.receive, quick.send)
        assert quick.body == b"".join(content)
        assert spool.held <= PIECE
        reads.set()
        await task
        assert slow.body == b"".join(content)

    run(slowly())
    assert spool.held == 0


def test_a_reader_that_takes_nothing_is_given_up(spool: Spool) -> None:
    content = [b"x" * PIECE] * 12

    async def never() -> None:
        client = Client()

        async def never_taken(_: Message) -> None:
            await asyncio.sleep(60)

        await product(answering(lambda _: content), spool)(scope(), client.receive, never_taken)

    run(never())
    assert spool.held == 0


class FullDisk(Spool):
    """A disk on which a file can be made, and nothing be written."""

    def open(self) -> BinaryIO:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_body_that_the_disk_does_not_take_is_refused_with_the_reason(tmp_path: Path) -> None:
    client = Client([b"x" * PIECE] * 3)
    run(product(answering(_not_called), FullDisk(tmp_path))(scope(), client.receive, client.send))
    assert client.status == 503
    assert parse_exact(client.body)["code"] == "storage_full"


def test_an_answer_that_the_disk_does_not_take_ends_and_frees_its_thread(tmp_path: Path) -> None:
    asked = product(answering(lambda _: [b"x" * PIECE] * 40), FullDisk(tmp_path), threads=1)

    async def twice() -> None:
        for _ in range(2):
            client = Client()

            async def send_slowly(message: Message, client: Client = client) -> None:
                await asyncio.sleep(0.1)
                await client.send(message)

            await asked(scope(), client.receive, send_slowly)
            bodies = [message for message in client.messages if message["type"] == "http.response.body"]
            assert all(message["more_body"] for message in bodies), "it looks whole"

    run(twice())
