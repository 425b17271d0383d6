"""What can go wrong, by what the caller can do about it. `client.check` raises none of these but ValueError."""


class AvsError(Exception):
    """Base of everything that this library raises on purpose."""


class DocumentRefused(AvsError):
    """A document that must not be enforced: the one held before stays in force. `code` is stable."""

    code = "document_refused"


class BadSignature(DocumentRefused):
    """The bytes are not the bytes that were signed: truncated, altered, or no signature at all."""

    code = "bad_signature"


class UnknownKey(DocumentRefused):
    """Signed by a key that is neither pinned nor published by the server."""

    code = "unknown_key"


class Replayed(DocumentRefused):
    """Older than what is held already."""

    code = "replayed"


class Malformed(DocumentRefused):
    """Properly signed, but not a config that this version of the library can enforce."""

    code = "malformed"


class Unreachable(AvsError):
    """AVS Brain did not answer, or answered with an error; asking again later may help."""


class TokenRefused(Unreachable):
    """AVS Brain answered 401 or 403: it does not take this token, and will not until another one is passed."""


class EventsRefused(AvsError):
    """AVS Brain will never take what was sent: it answered 400, 413 or 422."""


class UnknownUnit(AvsError):
    """The config names no such value unit, and the client was told to raise then (`unknown_unit="raise"`)."""


class NeverLoaded(AvsError):
    """There is no config yet, neither from AVS Brain nor on disk."""


class CountersUnavailable(AvsError):
    """The counter store did not answer, so it is not known whether the call counted: with an event_id, repeat it.

    `attempt`: the name under which what was tried is made once, by whoever makes it again; empty where nothing was
    tried.
    """

    def __init__(self, problem: str, attempt: str = "") -> None:
        super().__init__(problem)
        self.attempt = attempt
