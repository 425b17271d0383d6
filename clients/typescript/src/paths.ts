/** Where a client's files are, and which servers its keys may come from. */
import { createHash } from "node:crypto";
import { join } from "node:path";

import { type Subject, subjectQuery } from "./document.js";

const THIS_MACHINE = ["localhost", "127.0.0.1", "[::1]"];

/** The last-known-good config of a subject: the file that every AVS Brain client of this machine keeps. */
export function cachePath(folder: string, subject: Subject): string {
  return join(folder, `${nameOf(subject)}.config.json`);
}

/** The enforcement events that wait, a journal. */
export function queuePath(folder: string, subject: Subject): string {
  return join(folder, `${nameOf(subject)}.events`);
}

/** The usage events that wait, a journal. */
export function usagePath(folder: string, subject: Subject): string {
  return join(folder, `${nameOf(subject)}.usage`);
}

/** What could not be counted yet, a journal. */
export function keptPath(folder: string, subject: Subject): string {
  return join(folder, `${nameOf(subject)}.kept`);
}

/** RangeError when nothing vouches for the keys: not pinned, and the server is reached over plain http. */
export function refuseUntrusted(address: string): void {
  const { protocol, hostname } = new URL(address);
  if (protocol !== "https:" && !THIS_MACHINE.includes(hostname)) {
    throw new RangeError(
      `${address} is not https, so its keys cannot be trusted: pass keys, the key set of /api/runtime/keys.`,
    );
  }
}

function nameOf(subject: Subject): string {
  const text = Object.values(subjectQuery(subject)).join("\n");
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}
