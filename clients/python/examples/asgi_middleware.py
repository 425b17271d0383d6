"""Enforcement as ASGI middleware, for Starlette, FastAPI and every other ASGI app.

    pip install ./clients/python starlette uvicorn
    AVS_URL=http://127.0.0.1:5000 uvicorn --factory examples.asgi_middleware:create_app --port 8000
    curl -i -H 'X-Customer: cust_2001' -X POST http://127.0.0.1:8000/renders

Reserving and committing are awaited: whatever the counters wait for, the event loop goes on.
"""

import json
import os
import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from avs_brain_client import AsyncClient, Client

UNIT = os.environ.get("AVS_UNIT", "vu_usable_hd_minute")
STATUS = {"block": 429, "require_approval": 402}


class AvsMiddleware:
    """Sets one unit aside per HTTP request of the customer in `X-Customer`; counts it when the answer is a success."""

    def __init__(self, app: ASGIApp, client: Client, value_unit_id: str) -> None:
        self.app, self.client, self.value_unit_id = app, AsyncClient(client), value_unit_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        customer_id = dict(scope["headers"]).get(b"x-customer", b"").decode("latin-1")
        if not customer_id:
            await _refuse(send, 401, "customer_missing")
            return
        reservation = await self.client.reserve(customer_id, self.value_unit_id, 1)
        decision = reservation.decision
        if not decision.allow:
            await _refuse(send, STATUS[decision.action or "block"], decision.reason_code)
            return
        status = 500

        async def watch(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                action = (decision.action or "none").encode()
                message["headers"] = [*message.get("headers", ()), (b"avs-action", action)]
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            if status < 400:
                await self.client.commit(reservation)
            else:
                await self.client.release(reservation)


async def _refuse(send: Send, status: int, reason_code: str) -> None:
    body = json.dumps({"error": reason_code}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def render(request: Request) -> JSONResponse:
    return JSONResponse({"render_id": secrets.token_hex(4)})


def create_app(client: Client | None = None) -> AvsMiddleware:
    """An app with one route; without a client it follows the AVS Brain that AVS_URL names, for the demo's subject."""
    app = Starlette(routes=[Route("/renders", render, methods=["POST"])])
    return AvsMiddleware(app, client or _client(), UNIT)


def _client() -> Client:
    return Client(
        os.environ.get("AVS_URL", "http://127.0.0.1:5000"),
        workspace_id=os.environ.get("AVS_WORKSPACE", "ws_1049"),
        segment=os.environ.get("AVS_SEGMENT", "ai_video_smb"),
        stage=os.environ.get("AVS_STAGE", "learning"),
        directory=os.environ.get("AVS_DIRECTORY", "avs-data"),
        token=os.environ.get("AVS_API_TOKEN"),
    ).start()
