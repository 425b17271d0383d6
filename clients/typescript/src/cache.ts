/** The last-known-good config on disk: written whole or not at all, never replaced by an older one. */
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { dirname } from "node:path";

import { asidePath, codeOf, replaceFile } from "./disk.js";
import type { KeySet } from "./signatures.js";

/**
 * What was delivered, byte for byte, with the keys it was verified by and when it was last confirmed (wall, µs).
 *
 * `order` is (sequence, time of signing): what is less is older.
 */
export interface Stored {
  readonly body: Uint8Array;
  readonly signature: string;
  readonly etag: string;
  readonly order: readonly [sequence: number, issuedAt: number];
  readonly confirmedAtUs: number;
  readonly jwks: KeySet;
}

/** Negative, 0 or positive as one was ordered before, with or after the other. */
export function compareOrder(one: Stored["order"], other: Stored["order"]): number {
  return one[0] - other[0] || one[1] - other[1];
}

/**
 * One file, shared by all processes of a machine that enforce the same subject; in Python's clients too.
 *
 * `save` throws when the disk is full or may not be written; what was there before stays whole. Processes that save at
 * the same time may leave the older of two good configs: its order is checked again whenever it is read.
 */
export class DiskCache {
  constructor(readonly path: string) {}

  /** What is stored, null without a file. A file that `save` did not write is set aside, and `say` is told so. */
  load(say: (message: string) => void): Stored | null {
    let content: string;
    try {
      content = readFileSync(this.path, "utf8");
    } catch (problem) {
      if (!["ENOENT", "ENOTDIR"].includes(codeOf(problem) ?? "")) {
        say(`The config on disk cannot be read: ${String(problem)}`);
      }
      return null;
    }
    const stored = storedOf(content);
    if (stored === null) {
      this.setAside("it is damaged", say);
    }
    return stored;
  }

  /** Puts the file where nobody takes it for a config. */
  setAside(reason: string, say: (message: string) => void): void {
    const aside = asidePath(this.path);
    try {
      renameSync(this.path, aside);
      say(`The config on disk is not used, because ${reason}. It was set aside as ${aside}.`);
    } catch (problem) {
      say(`The config on disk is not used, because ${reason}, and cannot be set aside: ${String(problem)}`);
    }
  }

  /** Replaces the file, unless it holds something newer. */
  save(stored: Stored): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const held = this.load(() => undefined);
    const newer = held === null ? 1 : compareOrder(stored.order, held.order);
    if (newer > 0 || (newer === 0 && held !== null && stored.confirmedAtUs >= held.confirmedAtUs)) {
      replaceFile(this.path, textOf(stored));
    }
  }
}

function textOf(stored: Stored): string {
  return JSON.stringify({
    body: Buffer.from(stored.body).toString("base64"),
    signature: stored.signature,
    etag: stored.etag,
    order: stored.order,
    confirmed_at_us: stored.confirmedAtUs,
    jwks: stored.jwks,
  });
}

/** Null for anything but what `textOf` writes, wrong types included. */
function storedOf(content: string): Stored | null {
  try {
    const { body, signature, etag, order, confirmed_at_us, jwks } = JSON.parse(content);
    const texts = [body, signature, etag].every((text) => typeof text === "string");
    const numbers = [...order, confirmed_at_us].every(Number.isSafeInteger) && order.length === 2;
    if (!texts || !numbers || typeof jwks !== "object" || jwks === null) {
      return null;
    }
    const whole = { signature, etag, order: [order[0], order[1]] as const, confirmedAtUs: confirmed_at_us, jwks };
    return { ...whole, body: Buffer.from(body, "base64") };
  } catch {
    return null; // no JSON, no object, no list
  }
}
