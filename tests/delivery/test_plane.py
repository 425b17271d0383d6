"""What customer apps see of the delivery plane: bytes, digests, signatures, waiting and streams, nothing stale."""

import asyncio
import base64
import json
import time
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import brotli
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask

from app.delivery.warmth import Warmth
from app.hosts import TrustedHosts
from app.models.base import db
from app.services.delivery import current
from tests import factories as f
from tests.delivery.asgi import PATIENCE_SECONDS, Exchange, answer, begin
from tests.delivery.conftest import CONFIG, KEYS, STREAM, Plane, approve


def served(exchange: Exchange) -> str:
    found: str = json.loads(exchange.body)["config_version_id"]
    return found


def verified(jwks: dict[str, Any], signature: str, body: bytes) -> dict[str, Any]:
    """The protected header of a detached JWS whose signature holds; InvalidSignature otherwise."""
    protected, _, mac = signature.split(".")
    header: dict[str, Any] = json.loads(_bytes(protected))
    key = next(key for key in jwks["keys"] if key["kid"] == header["kid"])
    payload = base64.urlsafe_b64encode(body).rstrip(b"=").decode()
    Ed25519PublicKey.from_public_bytes(_bytes(key["x"])).verify(_bytes(mac), f"{protected}.{payload}".encode())
    return header


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_bytes_of_the_activation_are_served_with_their_digest_and_cost_a_304_afterwards(plane: Plane) -> None:
    stored = current.read(db.session, f.SUBJECT, now=f.NOW)
    found = plane.config()
    assert (found.status, found.body) == (200, stored.document)
    assert found.headers["etag"] == f'"{sha256(found.body).hexdigest()}"'
    assert found.headers["cache-control"] == "no-cache"
    assert found.headers["avs-config-version-id"] == "cfg_1"
    for condition in (found.headers["etag"], f'"old", W/{found.headers["etag"]}', "*"):
        again = plane.config(If_None_Match=condition)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", found.headers["etag"])
    assert plane.config(If_None_Match='"old"').status == 200


def test_encodings_carry_the_same_bytes_under_a_tag_of_their_own(plane: Plane) -> None:
    plain = plane.config()
    for accepted, chosen in (("br", "br"), ("gzip;q=0.5, br", "br"), ("deflate, GZIP", "gzip")):
        packed = plane.config(Accept_Encoding=accepted)
        assert packed.headers["content-encoding"] == chosen
        assert len(packed.body) == int(packed.headers["content-length"]) < len(plain.body)
        assert packed.headers["etag"] != plain.headers["etag"]
        assert packed.headers["vary"] == "accept-encoding"
        assert plane.config(If_None_Match=packed.headers["etag"]).status == 304
    assert brotli.decompress(plane.config(Accept_Encoding="br").body) == plain.body
    assert "content-encoding" not in plane.config(Accept_Encoding="gzip;q=0, br;q=0").headers


def test_once_an_approval_has_returned_nobody_gets_the_version_before(plane: Plane) -> None:
    for number in range(2, 12):
        approve(f"cfg_{number}", later=60 * number)
        assert served(plane.config()) == f"cfg_{number}"
        assert served(plane.config()) == f"cfg_{number}"


def test_many_requests_at_once_all_get_what_was_approved_before_they_came(plane: Plane) -> None:
    async def burst() -> list[Exchange]:
        return await asyncio.gather(*(answer(plane.app, CONFIG, f.SUBJECT, {}) for _ in range(50)))

    plane.config()
    approve("cfg_2")
    assert {served(exchange) for exchange in plane.runner.run(burst())} == {"cfg_2"}


def test_a_scheduled_version_is_served_from_its_moment_on_without_anybody_promoting_it(plane: Plane) -> None:
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    approve("cfg_2", effective_at=moment)
    before = plane.config()
    assert served(before) == "cfg_1" or datetime.now(UTC) >= moment
    time.sleep(max(0, (moment - datetime.now(UTC)).total_seconds()) + 0.01)
    assert served(plane.config()) == "cfg_2"


def test_a_long_poll_answers_on_change_or_with_304_at_its_timeout(plane: Plane) -> None:
    known = {"If-None-Match": plane.config().headers["etag"]}

    async def poll() -> tuple[Exchange, Exchange]:
        silent = await answer(plane.app, CONFIG, f.SUBJECT | {"wait": "1"}, known)
        waiting = begin(plane.app, CONFIG, f.SUBJECT | {"wait": "30"}, known)
        await asyncio.sleep(0.2)
        assert not waiting.task.done()
        approve("cfg_2")
        await asyncio.wait_for(waiting.task, 25)  # its own time is not over by then
        return silent, waiting

    silent, waited = plane.runner.run(poll())
    assert silent.status == 304
    assert served(waited) == "cfg_2"
    assert served(plane.get(CONFIG, f.SUBJECT | {"wait": "30"}, If_None_Match=known["If-None-Match"])) == "cfg_2"


def test_a_stream_sends_the_document_now_and_each_that_follows_until_its_reader_leaves(plane: Plane) -> None:
    jwks = json.loads(plane.get(KEYS).body)

    async def listen() -> None:
        stream = begin(plane.app, STREAM, f.SUBJECT, {})
        first = await stream.event()
        body = base64.b64decode(json.loads(first["data"])["document_b64"])
        assert (first["event"], first["id"]) == ("config", sha256(body).hexdigest())
        assert stream.headers["content-type"] == "text/event-stream"
        approve("cfg_2")
        second = json.loads((await stream.event())["data"])
        document = base64.b64decode(second["document_b64"])
        assert json.loads(document)["config_version_id"] == "cfg_2"
        verified(jwks, second["signature"], document)
        await stream.leave()

    plane.runner.run(listen())


def test_a_stream_that_comes_back_with_its_last_id_gets_only_what_it_missed(plane: Plane) -> None:
    last = plane.config().headers["etag"].strip('"')

    async def come_back() -> None:
        idle = begin(plane.app, STREAM, f.SUBJECT, {"Last-Event-ID": last})
        assert await asyncio.wait_for(idle.chunks.get(), PATIENCE_SECONDS) == b": hb\n\n"
        await asyncio.sleep(0.2)
        assert idle.body == b": hb\n\n"
        approve("cfg_2")
        event = await idle.event()
        assert event["id"] != last
        late = begin(plane.app, STREAM, f.SUBJECT, {"Last-Event-ID": last})
        assert (await late.event())["id"] == event["id"]
        await idle.leave()
        await late.leave()

    plane.runner.run(come_back())


def test_two_hundred_listeners_all_hear_of_one_activation(plane: Plane) -> None:
    async def listen() -> set[str]:
        streams = [begin(plane.app, STREAM, f.SUBJECT, {}) for _ in range(200)]
        await asyncio.gather(*(stream.event() for stream in streams))
        approve("cfg_2")
        events = await asyncio.gather(*(stream.event() for stream in streams))
        await asyncio.gather(*(stream.leave() for stream in streams))
        return {event["id"] for event in events}

    assert plane.runner.run(listen()) == {plane.config().headers["etag"].strip('"')}


def test_the_signature_holds_for_these_bytes_only(plane: Plane) -> None:
    jwks, found = json.loads(plane.get(KEYS).body), plane.config()
    signature = found.headers["avs-signature"]
    assert verified(jwks, signature, found.body)["alg"] == "EdDSA"
    for wrong in (found.body[:-1], bytes([found.body[0] ^ 1]) + found.body[1:]):
        with pytest.raises(InvalidSignature):
            verified(jwks, signature, wrong)
    assert plane.config().headers["avs-signature"] == signature


def test_what_is_not_plainly_right_is_explained_by_the_product(plane: Plane) -> None:
    for query in ({"workspace_id": "ws_1"}, f.SUBJECT | {"colour": "red"}, f.SUBJECT | {"wait": "3600"}):
        refusal = plane.get(CONFIG, query)
        assert (refusal.status, json.loads(refusal.body)["code"]) == (400, "bad_parameters")
    for path in (CONFIG, STREAM):
        nothing = plane.get(path, f.SUBJECT | {"segment": "enterprise"})
        assert (nothing.status, json.loads(nothing.body)["code"]) == (404, "no_active_config")
    assert plane.get(CONFIG, f.SUBJECT, method="POST").status == 405
    assert plane.get("/healthz").status == 200


def test_nothing_is_delivered_to_who_does_not_present_the_token(app: Flask, plane: Plane) -> None:
    app.config["API_TOKEN"] = "secret"
    guarded = Plane(
        type(plane.app)(
            plane.app.product,
            plane.app.documents,
            "secret",
            TrustedHosts(),
            lambda: (200, {}),
            Warmth(plane.app.documents, dict),
        ),
        plane.runner,
    )
    basic = base64.b64encode(b"app:secret").decode()
    for path in (CONFIG, STREAM, KEYS):
        for presented in ("", "Bearer wrong", "Basic ???", "Basic " + base64.b64encode(b"app:no").decode()):
            assert guarded.get(path, f.SUBJECT, Authorization=presented).status == 401
    assert guarded.config(Authorization="Bearer secret").status == 200
    assert guarded.config(Authorization=f"Basic {basic}").status == 200
