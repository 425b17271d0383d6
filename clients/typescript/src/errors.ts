/** What can go wrong, by what the caller can do about it. `Client.check` throws none of these but RangeError. */

/** Base of everything that this library throws on purpose. */
export class AvsError extends Error {
  /** Stable, for programs. */
  readonly code: string = "avs_error";

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A document that must not be enforced: the one held before stays in force. */
export class DocumentRefused extends AvsError {
  override readonly code: string = "document_refused";
}

/** The bytes are not the bytes that were signed: truncated, altered, or no signature at all. */
export class BadSignature extends DocumentRefused {
  override readonly code = "bad_signature";
}

/** Signed by a key that is neither pinned nor published by the server. */
export class UnknownKey extends DocumentRefused {
  override readonly code = "unknown_key";
}

/** Older than what is held already. */
export class Replayed extends DocumentRefused {
  override readonly code = "replayed";
}

/** Properly signed, but not a config that this version of the library can enforce. */
export class Malformed extends DocumentRefused {
  override readonly code = "malformed";
}

/** AVS Brain did not answer, or answered with an error; asking again later may help. */
export class Unreachable extends AvsError {
  override readonly code: string = "unreachable";
}

/** AVS Brain answered 401 or 403: it does not take this token, and will not until another one is passed. */
export class TokenRefused extends Unreachable {
  override readonly code = "token_refused";
}

/** AVS Brain will never take what was sent: it answered 400, 413 or 422. */
export class EventsRefused extends AvsError {
  override readonly code = "events_refused";
}

/** The config names no such value unit, and the client was told to throw then (`unknownUnit: "raise"`). */
export class UnknownUnit extends AvsError {
  override readonly code = "unknown_unit";
}

/** There is no config yet, neither from AVS Brain nor on disk. */
export class NeverLoaded extends AvsError {
  override readonly code = "never_loaded";
}

/**
 * The counter store did not answer, so it is not known whether the call counted: with an eventId, repeat it. `attempt` is
 * the name under which the store makes the same change once, however often it is told to; null where it has none.
 */
export class CountersUnavailable extends AvsError {
  override readonly code = "counters_unavailable";
  readonly attempt: string | null;

  constructor(message: string, options: ErrorOptions & { readonly attempt?: string } = {}) {
    super(message, options);
    this.attempt = options.attempt ?? null;
  }
}
