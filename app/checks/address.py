"""The address to serve on: this machine's, free, and guarded where others reach it."""

import errno
import socket
from collections.abc import Iterator

from app.checks.surroundings import Remark, Surroundings
from app.hosts import LOCAL

MAX_PORT = 65535


def address_is_free(here: Surroundings) -> Iterator[Remark]:
    """The port can be listened on; an address that is not local has a token. A running server has its port."""
    if here.host not in LOCAL and not here.environ.get("AVS_API_TOKEN"):
        yield Remark(f"Set AVS_API_TOKEN before serving on {here.host}: without it every route is open.")
    if not here.port.isascii() or not here.port.isdigit() or not 1 <= int(here.port) <= MAX_PORT:
        yield Remark(f"PORT is {here.port!r}: give a number from 1 to {MAX_PORT}.")
        return
    try:
        family = socket.AF_INET6 if ":" in here.host else socket.AF_INET
        socket.create_server((here.host, int(here.port)), family=family).close()
    except (OSError, UnicodeError) as error:
        yield _not_bound(here, error)


def _not_bound(here: Surroundings, error: OSError | UnicodeError) -> Remark:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        if here.is_serving:
            return Remark(
                f"Port {here.port} on {here.host}: Address already in use. Choose another: PORT=5001 make run"
            )
        return Remark(f"Port {here.port} on {here.host} is taken, as it should be while AVS Brain serves.", stops=False)
    if number == errno.EACCES:
        return Remark(f"Port {here.port} on {here.host}: this user may not serve on it. Choose one from 1024 on.")
    reason = getattr(error, "strerror", None) or str(error)
    return Remark(f"HOST is {here.host}, which is no address of this machine ({reason}): correct it.")
