"""One HTTP client per process: connections never cross a fork, and `close` only gives them back."""

import threading
from collections.abc import Mapping

import httpx

from avs_brain_client.forking import abandon, renew_after_fork


class Http:
    """Requests to one address, each with `headers`, over connections that are kept."""

    def __init__(self, base_url: str, headers: Mapping[str, str], timeout_seconds: float) -> None:
        self._base_url, self._headers, self._timeout_seconds = base_url, dict(headers), timeout_seconds
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        renew_after_fork(self)

    @property
    def client(self) -> httpx.Client:
        """Made for the first request, and again after `close` or a fork."""
        client = self._client
        if client is None:
            with self._lock:
                client = self._client = self._client or self._made()
        return client

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def after_fork(self) -> None:
        self._lock = threading.Lock()
        if self._client is not None:
            abandon(self._client)
            self._client = None

    def _made(self) -> httpx.Client:
        secure = self._base_url.startswith("https:")  # reading the certificates takes longer than everything else here
        return httpx.Client(
            base_url=self._base_url, headers=self._headers, timeout=self._timeout_seconds, verify=secure
        )
