/**
 * A published location for the tests: what AVS Brain writes to a bucket, in a folder, and a file server in front of it.
 *
 * The server says an ETag as nginx does (time of change in seconds, and length) and answers 304, as a CDN would.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { dirname, join } from "node:path";

import type { Key } from "./brain.js";
import { document } from "./documents.js";
import { Listening } from "./listening.js";

export const POINTER = "current/ws_1/smb/learning/production.json";

/** `key` signs; `keys` are published. */
export class Location {
  keys: readonly Key[];

  constructor(
    readonly folder: string,
    public key: Key,
  ) {
    this.keys = [key];
    this.publishKeys();
  }

  get jwks(): { keys: Record<string, string>[] } {
    return { keys: this.keys.map((key) => key.jwk()) };
  }

  publishKeys(): void {
    this.write("keys.json", JSON.stringify(this.jwks));
  }

  /** The version of this number: the document, then its pointer; the digest. */
  publish(number: number, more: Parameters<typeof document>[1] = {}, issuedAt = Math.floor(Date.now() / 1000)): string {
    const body = Buffer.from(JSON.stringify(document(`cfg_${number}`, { delivery: { sequence: number }, ...more })));
    const digest = createHash("sha256").update(body).digest("hex");
    this.write(`documents/${digest}.json`, body);
    this.write(POINTER, JSON.stringify({ digest, signature: this.key.sign(body, issuedAt) }));
    return digest;
  }

  /** Whole or not at all, and never within the second of what was there before. */
  write(path: string, content: Uint8Array | string): void {
    const target = join(this.folder, path);
    mkdirSync(dirname(target), { recursive: true });
    const later = existsSync(target) ? Math.floor(statSync(target).mtimeMs / 1000) + 1 : 0;
    writeFileSync(`${target}.new`, content);
    const moment = Math.max(Math.floor(Date.now() / 1000), later);
    utimesSync(`${target}.new`, moment, moment);
    renameSync(`${target}.new`, target);
  }
}

/** The folder over HTTP. `asked` is (path, status); `authorization` is what it wants, if anything. */
export class FileServer extends Listening {
  readonly asked: (readonly [path: string, status: number])[] = [];
  authorization: string | null = null;

  constructor(private readonly folder: string) {
    super();
  }

  protected handle(request: IncomingMessage, response: ServerResponse): void {
    const path = new URL(request.url ?? "", this.url).pathname;
    const file = join(this.folder, path);
    const isFile = existsSync(file) && statSync(file).isFile();
    if (this.authorization !== null && request.headers.authorization !== this.authorization) {
      this.send(response, path, 401);
    } else if (!isFile) {
      this.send(response, path, 404);
    } else {
      const { mtimeMs, size } = statSync(file);
      const etag = `"${Math.floor(mtimeMs / 1000).toString(16)}-${size.toString(16)}"`;
      response.setHeader("ETag", etag);
      const isKnown = request.headers["if-none-match"] === etag;
      this.send(response, path, isKnown ? 304 : 200, isKnown ? undefined : readFileSync(file));
    }
  }

  private send(response: ServerResponse, path: string, status: number, body?: Buffer): void {
    this.asked.push([path, status]);
    response.writeHead(status).end(body);
  }
}
