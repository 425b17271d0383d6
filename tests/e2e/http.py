"""A person with an HTTP client: every call says which status it expects, and shows the answer when it differs."""

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from simulation.canonical import Json, canonical_bytes, parse_exact


class Person:
    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, expect: int = 200, **headers: str) -> Json:
        return self._answer(self.client.get(path, headers=headers), expect)

    def post(self, path: str, body: Json, expect: int = 201) -> Json:
        return self._send("POST", path, body, expect)

    def patch(self, path: str, body: Json, expect: int = 200) -> Json:
        return self._send("PATCH", path, body, expect)

    def put(self, path: str, body: Json, expect: int = 200) -> Json:
        return self._send("PUT", path, body, expect)

    def _send(self, method: str, path: str, body: Json, expect: int) -> Json:
        data = canonical_bytes(body)
        return self._answer(self.client.open(path, method=method, data=data, content_type="application/json"), expect)

    def _answer(self, response: TestResponse, expect: int) -> Json:
        assert response.status_code == expect, f"{response.status}: {response.get_data(as_text=True)[:2000]}"
        return parse_exact(response.data) if response.data else None
