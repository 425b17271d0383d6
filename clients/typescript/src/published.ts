/**
 * What AVS Brain publishes to a bucket or a folder, read through a CDN or from disk, with AVS Brain off.
 *
 * A small pointer per subject says which document is current; the document is named by its SHA-256. Nothing here is
 * believed before its signature is checked, and nothing older than what is held is taken, wherever it came from.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { jsonObject } from "./brain.js";
import { type Subject, subjectQuery } from "./document.js";
import { Unreachable } from "./errors.js";
import { Http, messageOf } from "./http.js";
import type { KeySet } from "./signatures.js";
import type { Delivered, Source } from "./types.js";

const KEYS = "keys.json";
const DOCUMENTS = "documents/";
const LONGEST_SEGMENT = 200;
const TIMEOUT_MS = 10_000;
const AS_IT_IS = /[A-Za-z0-9_.-]/;
const DIGEST = /^[0-9a-f]{64}$/;

/** Files by their relative path. Rejects with Unreachable. */
interface Objects {
  read(path: string): Promise<Uint8Array>;
  close(): void;
}

/** A published location: an http(s) address, a file:// URL or a folder. It can only be polled. */
export class Published implements Source {
  private readonly objects: Objects;

  constructor(location: string) {
    this.objects = isHttp(location) ? new HttpObjects(location) : new FolderObjects(location);
  }

  async config(subject: Subject, etag: string | null = null): Promise<Delivered | null> {
    const path = pointerPath(subject);
    const { digest, signature } = pointerOf(path, await this.objects.read(path));
    if (digest === etag) {
      return null;
    }
    const documentPath = `${DOCUMENTS}${digest}.json`;
    const body = await this.objects.read(documentPath);
    if (sha256(body) !== digest) {
      throw new Unreachable(`${documentPath} does not hash to its name.`);
    }
    return { body, signature, etag: digest };
  }

  async keys(): Promise<KeySet> {
    return jsonObject(KEYS, await this.objects.read(KEYS));
  }

  // biome-ignore lint/correctness/useYield: it has nothing to say but that it cannot
  async *stream(): AsyncGenerator<Delivered | null, void, void> {
    throw new Unreachable("A published location cannot be streamed: poll it.");
  }

  async close(): Promise<void> {
    this.objects.close();
  }
}

/** AVS Brain while it answers, else what it has published. `say` is told when it is the latter. */
export class BrainOrPublished implements Source {
  constructor(
    private readonly brain: Source,
    private readonly published: Source,
    private readonly say: (message: string) => void,
  ) {}

  config(subject: Subject, etag: string | null = null, waitSeconds = 0): Promise<Delivered | null> {
    return this.either(
      () => this.brain.config(subject, etag, waitSeconds),
      () => this.published.config(subject, etag),
    );
  }

  keys(): Promise<KeySet> {
    return this.either(
      () => this.brain.keys(),
      () => this.published.keys(),
    );
  }

  stream(subject: Subject, lastEventId: string | null = null): AsyncIterable<Delivered | null> {
    return this.brain.stream(subject, lastEventId);
  }

  async close(): Promise<void> {
    await this.brain.close();
    await this.published.close();
  }

  private async either<T>(ask: () => Promise<T>, askInstead: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (problem) {
      if (!(problem instanceof Unreachable)) {
        throw problem;
      }
      this.say(`${problem.message} Going by what is published.`);
      try {
        return await askInstead();
      } catch (other) {
        throw new Unreachable(`${problem.message} Where it is published: ${messageOf(other)}`, { cause: other });
      }
    }
  }
}

/** Where the pointer of a subject lies, relative to the published location. */
export function pointerPath(subject: Subject): string {
  return `current/${Object.values(subjectQuery(subject)).map(segment).join("/")}.json`;
}

/** As AVS Brain writes it: percent-encoding with `!` for `%`, no leading dot, a SHA-256 in place of great length. */
function segment(text: string): string {
  const characters = Array.from(Buffer.from(text, "utf8"), (byte) => {
    const character = String.fromCharCode(byte);
    return AS_IT_IS.test(character) ? character : `!${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  });
  const encoded = characters.join("").replace(/^\./, "!2E");
  if (encoded.length > LONGEST_SEGMENT) {
    return `${encoded.slice(0, 100)}!!${sha256(Buffer.from(text, "utf8"))}`;
  }
  return encoded || "!!";
}

/** Digest and signature. The path of the document is made from the digest: a pointer cannot lead elsewhere. */
function pointerOf(path: string, content: Uint8Array): { digest: string; signature: string } {
  const { digest, signature } = jsonObject(path, content) as { digest?: unknown; signature?: unknown };
  if (typeof digest !== "string" || typeof signature !== "string") {
    throw new Unreachable(`${path} is no pointer to a document.`);
  }
  if (!DIGEST.test(digest)) {
    throw new Unreachable(`${path} points to ${JSON.stringify(digest.slice(0, 80))}, which is no SHA-256.`);
  }
  return { digest, signature };
}

/** Whether a location is read over the network; RangeError when it is none that can be read. */
export function isHttp(location: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(location)?.[1]?.toLowerCase();
  if (scheme !== undefined && !["http", "https", "file"].includes(scheme)) {
    throw new RangeError(`published is ${location}: give its http(s) address, a file:// URL or a folder.`);
  }
  return scheme === "http" || scheme === "https";
}

/** Objects over HTTP; pointers and keys are asked for with the ETag of the copy that was read last. */
class HttpObjects implements Objects {
  private readonly http: Http;
  private readonly copies = new Map<string, { etag: string; content: Uint8Array }>();

  constructor(location: string) {
    this.http = new Http(location);
  }

  async read(path: string): Promise<Uint8Array> {
    const copy = this.copies.get(path);
    const headers = copy === undefined ? {} : { "If-None-Match": copy.etag };
    const answer = await this.http.ask(`/${path}`, { headers, timeoutMs: TIMEOUT_MS });
    if (answer.status === 304 && copy !== undefined) {
      return copy.content;
    }
    if (answer.status !== 200) {
      throw new Unreachable(`${path} answered ${answer.status}.`);
    }
    const { etag } = answer.headers;
    if (etag !== undefined && !path.startsWith(DOCUMENTS)) {
      this.copies.set(path, { etag, content: answer.body });
    }
    return answer.body;
  }

  close(): void {
    this.http.close();
  }
}

/** Objects on this machine. */
class FolderObjects implements Objects {
  private readonly root: string;

  constructor(location: string) {
    this.root = location.startsWith("file:") ? fileURLToPath(location) : location;
  }

  async read(path: string): Promise<Uint8Array> {
    try {
      return await readFile(join(this.root, path));
    } catch (problem) {
      throw new Unreachable(`${path}: ${messageOf(problem)}`, { cause: problem });
    }
  }

  close(): void {
    // Nothing is held open.
  }
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
