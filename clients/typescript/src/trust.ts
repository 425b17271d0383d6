/** Whose signatures count. */
import { UnknownKey } from "./errors.js";
import { messageOf } from "./http.js";
import type { Problems } from "./problems.js";
import { type Keys, type KeySet, keySetOf, keysOf, type Pinned, type Signed, verify } from "./signatures.js";
import type { Delivered, Source } from "./types.js";

/**
 * Pinned keys and no others, else the keys that the source itself publishes.
 *
 * Pinned keys may be in a file, which is read anew for every document that comes: whoever may write it says whom to
 * trust, and nothing that comes over the network does. RangeError when they cannot be read at first.
 */
export class Trust {
  /** The pinned keys as they were read last; null without any. */
  pinned: Keys | null;
  private readonly file: string | URL | null;
  private published: KeySet | null;

  constructor(
    private readonly source: Source,
    pinned: Pinned | null,
    private readonly problems: Problems,
  ) {
    this.file = typeof pinned === "string" || pinned instanceof URL ? pinned : null;
    this.published = pinned === null ? null : keySetOf(pinned);
    this.pinned = this.published === null ? null : keysOf(this.published);
  }

  /**
   * What the signature says and the key set that it was checked with; an unknown key makes us ask for the keys once
   * more, and is then refused.
   */
  async verified(delivered: Delivered): Promise<{ signed: Signed; jwks: KeySet }> {
    const { body, signature } = delivered;
    if (this.pinned !== null) {
      this.readAgain();
      return { signed: verify(body, signature, this.pinned), jwks: this.published ?? {} };
    }
    if (this.published !== null) {
      try {
        return { signed: verify(body, signature, publishedKeys(this.published)), jwks: this.published };
      } catch (problem) {
        if (!(problem instanceof UnknownKey)) {
          throw problem;
        }
        this.problems.log("info", `${problem.message} Asking for the published keys.`);
      }
    }
    const jwks = await this.source.keys();
    this.published = jwks;
    return { signed: verify(body, signature, publishedKeys(jwks)), jwks };
  }

  /** Takes the keys that the file has now; where it cannot be read, those from before stay. */
  private readAgain(): void {
    if (this.file === null) {
      return;
    }
    try {
      const jwks = keySetOf(this.file);
      this.pinned = keysOf(jwks);
      this.published = jwks;
    } catch (problem) {
      this.problems.log("warn", `The pinned keys stay as they were: ${messageOf(problem)}`);
    }
  }
}

function publishedKeys(jwks: KeySet): Keys {
  try {
    return keysOf(jwks);
  } catch (problem) {
    throw new UnknownKey(messageOf(problem), { cause: problem });
  }
}
