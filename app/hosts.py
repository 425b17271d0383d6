"""The hosts that the server is addressed as; a request with another `Host` is refused before any route (spec 6).

A page of another site can give its own name the address of this machine (DNS rebinding). Its scripts are then of one
origin with the product, read its tokens and press its buttons. Only the name that the browser asked for tells.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from flask import Flask, Response, current_app, request

from app.errors import AvsError, BadSetting
from app.refusals import is_api

SETTING = "AVS_TRUSTED_HOSTS"
TRUSTED_HOSTS = "AVS_HOSTS"
"""Where the application's settings keep its TrustedHosts; Flask would read TRUSTED_HOSTS in a way of its own."""
LOCAL = ("localhost", "127.0.0.1", "::1")
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  to compare with, nothing is bound
_HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_ENTRY = re.compile(r"\.?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


class ForeignHost(AvsError):
    """The refusal of a request, 421, that was addressed to a host that this server is not."""

    status = 421
    title = "Not this server's name"


@dataclass(frozen=True)
class TrustedHosts:
    """The names and addresses that a `Host` header may have, whatever its port.

    `domains` begin with a dot and admit every name below them. `any_address`: every IP address is admitted, for a
    server that listens on all of its machine's; a page that rebinds has a name, never an address.
    """

    names: frozenset[str] = frozenset(LOCAL)
    domains: tuple[str, ...] = ()
    any_address: bool = False

    def admit(self, host: str) -> bool:
        """Whether a `Host` header, `name`, `name:port`, `address` or `[address]:port`, is one of this server's."""
        match = _HOST.fullmatch(host.lower())
        if match is None:
            return False
        name = match[1].strip("[]")
        if address := _address(name):
            return self.any_address or address in self.names
        return name in self.names or name.endswith(self.domains)


def trusted_hosts(environ: Mapping[str, str]) -> TrustedHosts:
    """The hosts that `AVS_TRUSTED_HOSTS` and `HOST`, which is served on, imply beside this machine's own names.

    Raises BadSetting for an entry that is no host.
    """
    served_on = environ.get("HOST", "").lower()
    entries = [_entry(text) for text in re.split(r"[\s,]+", environ.get(SETTING, "")) if text]
    names = {*LOCAL, *(entry for entry in entries if not entry.startswith("."))}
    if served_on:
        names.add(_address(served_on) or served_on)
    domains = tuple(sorted({entry for entry in entries if entry.startswith(".")}))
    return TrustedHosts(frozenset(names), domains, served_on in EVERY_ADDRESS)


def require_trusted_hosts(app: Flask) -> None:
    """Refuse what is addressed to another host, before anything else looks at the request."""
    app.config.setdefault(TRUSTED_HOSTS, TrustedHosts())
    app.before_request(_require_trusted_host)


def _require_trusted_host() -> Response | None:
    """A plain sentence, for nothing of the product is shown to a foreign name; programs get a problem document."""
    host = request.headers.get("Host", "")
    hosts: TrustedHosts = current_app.config[TRUSTED_HOSTS]
    if is_admitted(hosts, host):
        return None
    refusal = ForeignHost(_detail(host), code="host_not_trusted")
    if is_api(request.path):
        raise refusal
    return Response(f"{refusal.detail}\n", refusal.status, content_type="text/plain; charset=utf-8")


def _detail(host: str) -> str:
    named = f"called {host[:100]!r}" if host else "without a name (the request has no Host header)"
    return (
        f"This server is not {named}, so it does not answer. If people reach it by that name, add the name to the "
        f"setting {SETTING} and start it again."
    )


@lru_cache(maxsize=1_000)
def is_admitted(hosts: TrustedHosts, host: str) -> bool:
    """`TrustedHosts.admit`, with the answers for the last thousand headers remembered."""
    return hosts.admit(host)


def _entry(text: str) -> str:
    """An entry of the setting as `Host` headers have it: lower case, without a port, international names in ASCII."""
    if address := _address(re.sub(r"^\[(.*)\](:\d+)?$", r"\1", text)):
        return address
    try:
        name = text.lower().partition(":")[0].lstrip(".").encode("idna").decode()
    except UnicodeError:
        name = ""
    entry = "." + name if text.startswith(".") else name
    if "/" in text or not _ENTRY.fullmatch(entry):
        raise BadSetting(
            f"{SETTING} has {text!r}, which is no host: give names like avs.example.com, .example.com for all below "
            "it, or addresses, with commas between."
        )
    return entry


def _address(text: str) -> str:
    """The IP address in its usual writing; empty when the text is none."""
    try:
        return str(ip_address(text))
    except ValueError:
        return ""
