"""Enforcement in a Flask app: every request of a customer is decided before it runs and counted after it succeeded.

    pip install ./clients/python flask
    AVS_URL=http://127.0.0.1:5000 flask --app examples/flask_middleware run --port 8000
    curl -i -H 'X-Customer: cust_2001' -X POST http://127.0.0.1:8000/renders

`create_app` takes a client, so that tests and other apps bring their own.
"""

import os
import secrets

from flask import Flask, Response, g, jsonify, request

from avs_brain_client import Client

UNIT = os.environ.get("AVS_UNIT", "vu_usable_hd_minute")
STATUS = {"block": 429, "require_approval": 402}


def enforce(app: Flask, client: Client, value_unit_id: str) -> None:
    """Refuse what the rails refuse, tell the rest in headers, count what was answered with success.

    Each request is set aside first, so that parallel ones cannot overshoot a cap.
    """

    @app.before_request
    def reserve() -> Response | None:
        customer_id = request.headers.get("X-Customer")
        if not customer_id:
            return _answer(401, error="customer_missing")
        g.reservation = client.reserve(customer_id, value_unit_id, 1)
        decision = g.reservation.decision
        if decision.allow:
            return None
        return _answer(STATUS[decision.action or "block"], error=decision.reason_code, action=decision.action)

    @app.after_request
    def settle(answer: Response) -> Response:
        if "reservation" not in g:
            return answer
        decision = g.reservation.decision
        answer.headers["AVS-Action"] = decision.action or "none"
        answer.headers["AVS-Remaining"] = str(decision.remaining)
        if decision.allow:
            (client.commit if answer.status_code < 400 else client.release)(g.reservation)
        return answer


def _answer(status: int, **body: str | None) -> Response:
    answer: Response = jsonify(**body)
    answer.status_code = status
    return answer


def create_app(client: Client | None = None) -> Flask:
    """An app with one route; without a client it follows the AVS Brain that the environment names."""
    app = Flask(__name__)
    enforce(app, client or client_from_environment(), UNIT)

    @app.post("/renders")
    def render() -> Response:
        return jsonify(render_id=secrets.token_hex(4))

    return app


def client_from_environment() -> Client:
    """AVS_URL and the subject in AVS_WORKSPACE, AVS_SEGMENT, AVS_STAGE, AVS_ENVIRONMENT; the demo's without them."""
    return Client(
        os.environ.get("AVS_URL", "http://127.0.0.1:5000"),
        workspace_id=os.environ.get("AVS_WORKSPACE", "ws_1049"),
        segment=os.environ.get("AVS_SEGMENT", "ai_video_smb"),
        stage=os.environ.get("AVS_STAGE", "learning"),
        target_environment=os.environ.get("AVS_ENVIRONMENT", "production"),
        directory=os.environ.get("AVS_DIRECTORY", "avs-data"),
        token=os.environ.get("AVS_API_TOKEN"),
    ).start()
