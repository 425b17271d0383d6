"""A person with an HTTP client: every call says which status it expects, and shows the answer when it differs."""

from typing import Any

from flask.testing import FlaskClient

from simulation.canonical import canonical_bytes, parse_exact


class Person:
    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def get(self, path: str, expect: int = 200, **headers: str) -> Any:
        return self._answer(self.client.get(path, headers=headers), expect)

    def post(self, path: str, body: Any, expect: int = 201) -> Any:
        return self._send("POST", path, body, expect)

    def patch(self, path: str, body: Any, expect: int = 200) -> Any:
        return self._send("PATCH", path, body, expect)

    def put(self, path: str, body: Any, expect: int = 200) -> Any:
        return self._send("PUT", path, body, expect)

    def _send(self, method: str, path: str, body: Any, expect: int) -> Any:
        data = canonical_bytes(body)
        return self._answer(self.client.open(path, method=method, data=data, content_type="application/json"), expect)

    def _answer(self, response: Any, expect: int) -> Any:
        assert response.status_code == expect, f"{response.status}: {response.get_data(as_text=True)[:2000]}"
        return parse_exact(response.data) if response.data else None
