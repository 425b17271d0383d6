/** Is this document what AVS Brain signed? Ed25519, JWS with detached payload (RFC 7515 appendix F, RFC 8037). */
import { type KeyObject, createPublicKey, verify as verifyBytes } from "node:crypto";
import { readFileSync } from "node:fs";

import { BadSignature, UnknownKey } from "./errors.js";
import { messageOf } from "./http.js";

/** A JSON Web Key Set as it comes: nothing about it has been checked. */
export type KeySet = Readonly<Record<string, unknown>>;
/** A key set that is trusted and no other, or the file that has it: its path or file URL. */
export type Pinned = KeySet | string | URL;
/** The Ed25519 keys of a key set by key id. */
export type Keys = ReadonlyMap<string, KeyObject>;

/** What a valid signature says: which key, and when (seconds since 1970). */
export interface Signed {
  readonly keyId: string;
  readonly issuedAt: number;
}

const BASE64URL = /^[A-Za-z0-9_-]*$/;

/** The key set that is pinned; RangeError names the file that cannot be read or has none. */
export function keySetOf(pinned: Pinned): KeySet {
  if (typeof pinned !== "string" && !(pinned instanceof URL)) {
    return pinned;
  }
  let jwks: unknown;
  try {
    jwks = JSON.parse(readFileSync(pinned, "utf8"));
  } catch (problem) {
    throw new RangeError(`The key set ${pinned} cannot be read: ${messageOf(problem)}`, { cause: problem });
  }
  if (typeof jwks !== "object" || jwks === null || Array.isArray(jwks)) {
    throw new RangeError(`${pinned} is no JSON Web Key Set.`);
  }
  return jwks as KeySet;
}

/** The keys of a set that documents may be signed with; RangeError when it holds none. */
export function keysOf(jwks: KeySet): Keys {
  const { keys: listed } = jwks;
  const keys = new Map(
    (Array.isArray(listed) ? listed : []).filter(isSigningKey).map((jwk) => [jwk.kid, publicKey(jwk.x)]),
  );
  if (keys.size === 0) {
    throw new RangeError("The key set holds no Ed25519 signing key.");
  }
  return keys;
}

/**
 * Checks `<protected>..<signature>` over these very bytes. Throws UnknownKey when no such key is trusted, BadSignature
 * for everything else that is not right.
 */
export function verify(body: Uint8Array, signature: string, keys: Keys): Signed {
  const [protectedPart, payload, signed, more] = signature.split(".");
  if (protectedPart === undefined || payload !== "" || signed === undefined || more !== undefined) {
    throw new BadSignature("The document has no detached signature.");
  }
  const { kid, iat } = headerOf(protectedPart);
  const key = keys.get(kid);
  if (key === undefined) {
    throw new UnknownKey(`The document is signed with key ${JSON.stringify(kid)}, which is not trusted.`);
  }
  const content = Buffer.from(`${protectedPart}.${Buffer.from(body).toString("base64url")}`);
  if (!BASE64URL.test(signed) || !verifyBytes(null, content, key, Buffer.from(signed, "base64url"))) {
    throw new BadSignature("The document is not what was signed: truncated or altered.");
  }
  return { keyId: kid, issuedAt: iat };
}

interface Jwk {
  readonly kid: string;
  readonly x: string;
}

function isSigningKey(value: unknown): value is Jwk {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  const { kty, crv, kid, x, use = "sig" } = value as Readonly<Record<string, unknown>>;
  const named = typeof kid === "string" && kid !== "" && typeof x === "string";
  return named && kty === "OKP" && crv === "Ed25519" && use === "sig";
}

function publicKey(x: string): KeyObject {
  try {
    return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  } catch (problem) {
    throw new RangeError("A key of the key set is no Ed25519 key.", { cause: problem });
  }
}

function headerOf(part: string): { kid: string; iat: number } {
  let header: unknown;
  try {
    header = BASE64URL.test(part) ? JSON.parse(Buffer.from(part, "base64url").toString("utf8")) : undefined;
  } catch (problem) {
    throw new BadSignature("The signature's header cannot be read.", { cause: problem });
  }
  const { kid, iat, alg, ...more } = (header ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof kid !== "string" || typeof iat !== "number" || !Number.isSafeInteger(iat)) {
    throw new BadSignature("The signature's header lacks kid or iat.");
  }
  if (alg !== "EdDSA" || "crit" in more || "b64" in more) {
    throw new BadSignature(`The signature's header is not one that can be checked: ${JSON.stringify(header)}`);
  }
  return { kid, iat };
}
