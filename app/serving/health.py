"""Whether a server answers: its health check, asked as anybody would ask it."""

import socket
from http.client import HTTPConnection, HTTPException

from app.delivery.plane import HEALTH

ANSWER_SECONDS = 0.25


def answers(listener: socket.socket) -> bool:
    """Ask the health check of whoever accepts from the listener; False without a good answer in a moment."""
    host, port = listener.getsockname()[:2]
    asking = HTTPConnection(host, port, timeout=ANSWER_SECONDS)
    try:
        asking.request("GET", HEALTH, headers={"Host": "localhost"})
        return asking.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        asking.close()
