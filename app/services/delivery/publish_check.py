"""The check of what is published against what is active: one difference per subject, each with its fix."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.models.base import AnySession
from app.models.config_version import SUBJECT_FIELDS
from app.services.delivery.object_store import PublishStore
from app.services.delivery.pointers import CURRENT, KEYS, Pointer, document_path, pointer_of, pointer_path
from app.services.delivery.publishing import active_pointer, active_subjects, demo_subjects, newer_there, published_keys
from app.services.delivery.signing import KeyRing, base64url
from simulation.canonical import Json, parse_exact

AGAIN = "run `avs publish`."


@dataclass(frozen=True, slots=True)
class Difference:
    """A problem with what is published; `where` is the subject in words, or the path; `detail` says how to fix it."""

    where: str
    code: str
    detail: str


def differences(session: AnySession, store: PublishStore, ring: KeyRing) -> list[Difference]:
    """Everything that a reader of the published location gets otherwise than a reader of this AVS Brain."""
    jwks, expected_paths = published_keys(store), set()
    problems = []
    if jwks != ring.jwks():
        problems.append(Difference(KEYS, "keys_differ", f"it is not the key set that is in force: {AGAIN}"))
    for subject in active_subjects(session):
        pointer, _ = active_pointer(session, subject, ring)
        path = pointer_path(pointer.subject_resolution)
        expected_paths.add(path)
        problem = next(_problems(store, pointer, path, jwks), None)
        if problem is not None:
            problems.append(Difference(", ".join(subject), *problem))
    of_demo = {pointer_path(dict(zip(SUBJECT_FIELDS, subject, strict=True))) for subject in demo_subjects(session)}
    stale = [path for path in store.paths(CURRENT) if path not in expected_paths]
    return problems + [_of_demo(store, path) if path in of_demo else _stale(store, path) for path in stale]


def _problems(store: PublishStore, active: Pointer, path: str, jwks: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """(code, detail) of each problem of one subject; the first is the cause of those after it."""
    content = store.read(path)
    published = pointer_of(content)
    if content is None:
        yield "pointer_missing", f"{path} is missing: {AGAIN}"
    if published is None:
        yield "pointer_unreadable", f"{path} is no pointer: {AGAIN}"
        return
    if published.order > active.order:
        yield "newer_published", newer_there(published, active, path)
    if published.digest != active.digest:
        version = f"{published.config_version_id} (sequence {published.sequence})"
        yield "not_active", f"{version} is published, {active.config_version_id} is active: {AGAIN}"
    if content != active.content():
        yield "pointer_differs", f"{path} is not what is signed now: {AGAIN}"
    document = store.read(document_path(active.digest))
    if document is None:
        yield "document_missing", f"{document_path(active.digest)} is missing: {AGAIN}"
        return
    if sha256(document).hexdigest() != active.digest:
        yield "document_altered", f"{document_path(active.digest)} does not hash to its name: {AGAIN}"
    if not verifies(document, published.signature, jwks):
        yield "signature_invalid", f"the signature does not verify with the published keys: {AGAIN}"


def _stale(store: PublishStore, path: str) -> Difference:
    """The difference of a pointer whose subject has nothing active."""
    detail = f"{path} is published, and nothing is active for it in this database: delete it."
    return Difference(_where(store, path), "nothing_active", detail)


def _of_demo(store: PublishStore, path: str) -> Difference:
    """The difference of a pointer to a subject of the demo, published before the demo was kept apart."""
    detail = f"{path} is of the demo, which is not published: delete it."
    return Difference(_where(store, path), "demo_published", detail)


def _where(store: PublishStore, path: str) -> str:
    pointer = pointer_of(store.read(path))
    return path if pointer is None else ", ".join(map(str, pointer.subject_resolution.values()))


def verifies(body: bytes, signature: str, jwks: Mapping[str, Json]) -> bool:
    """Whether a detached JWS is over these bytes, by one of the keys (RFC 7515 appendix F, RFC 8037)."""
    try:
        protected, payload, signed = signature.split(".")
        header = parse_exact(_decoded(protected))
        (key,) = [key for key in jwks["keys"] if key["kid"] == header["kid"]]
        public = Ed25519PublicKey.from_public_bytes(_decoded(key["x"]))
        public.verify(_decoded(signed), f"{protected}.{base64url(body)}".encode())
        return payload == "" and bool(header["alg"] == "EdDSA")
    except (ValueError, LookupError, TypeError, InvalidSignature):
        return False


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
