"""Is this document what AVS Brain signed? Ed25519, JWS with detached payload (RFC 7515 appendix F, RFC 8037)."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from avs_brain_client.errors import BadSignature, UnknownKey

Keys = Mapping[str, Ed25519PublicKey]
Pinned = Mapping[str, Any] | Path
"""A JSON Web Key Set that is trusted and no other, or the file that has it."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a valid signature says: which key, and when (seconds since 1970)."""

    key_id: str
    issued_at: int


def key_set_of(pinned: Pinned) -> Mapping[str, Any]:
    """The JSON Web Key Set; ValueError names the file that cannot be read or has none."""
    if not isinstance(pinned, Path):
        return pinned
    try:
        jwks = json.loads(pinned.read_bytes())
    except (OSError, ValueError) as problem:
        raise ValueError(f"The key set {pinned} cannot be read: {problem}") from problem
    if not isinstance(jwks, dict):
        raise ValueError(f"{pinned} is no JSON Web Key Set.")
    return jwks


def keys_of(jwks: Mapping[str, Any]) -> Keys:
    """The Ed25519 keys of a JSON Web Key Set, by key id; ValueError when it holds none that can be used."""
    found = {}
    for key in jwks.get("keys") or ():
        if (
            key.get("kty") == "OKP"
            and key.get("crv") == "Ed25519"
            and key.get("kid")
            and key.get("use", "sig") == "sig"
        ):
            found[key["kid"]] = Ed25519PublicKey.from_public_bytes(_decoded(key["x"]))
    if not found:
        raise ValueError("The key set holds no Ed25519 signing key.")
    return found


def verify(body: bytes, signature: str, keys: Keys) -> Signed:
    """Check `<protected>..<signature>` over these very bytes.

    Raises UnknownKey when no such key is trusted, BadSignature for everything else that is not right.
    """
    parts = signature.split(".")
    if len(parts) != 3 or parts[1]:
        raise BadSignature("The document has no detached signature.")
    header = _header(parts[0])
    if header.get("alg") != "EdDSA" or "crit" in header or "b64" in header:
        raise BadSignature(f"The signature's header is not one that can be checked: {header}")
    key = keys.get(header["kid"])
    if key is None:
        raise UnknownKey(f"The document is signed with key {header['kid']!r}, which is not trusted.")
    try:
        key.verify(_decoded(parts[2]), f"{parts[0]}.{_encoded(body)}".encode())
    except (InvalidSignature, ValueError) as problem:
        raise BadSignature("The document is not what was signed: truncated or altered.") from problem
    return Signed(header["kid"], header["iat"])


def _header(part: str) -> Mapping[str, Any]:
    try:
        header = json.loads(_decoded(part))
    except ValueError as problem:
        raise BadSignature("The signature's header cannot be read.") from problem
    if not isinstance(header, dict) or not isinstance(header.get("kid"), str) or not isinstance(header.get("iat"), int):
        raise BadSignature("The signature's header lacks kid or iat.")
    return header


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error as problem:
        raise ValueError(f"{text!r} is not base64url") from problem
