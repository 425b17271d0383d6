/**
 * A small AVS Brain for the tests: a real HTTP server that speaks the delivery contract with real Ed25519 keys.
 *
 * It can be broken on purpose: stopped and started on the same port, or made to send what it should not.
 */
import { type KeyObject, createHash, generateKeyPairSync, sign } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";

import { Listening } from "./listening.js";

const HEARTBEAT_MS = 200;

interface Answer {
  readonly body: Buffer;
  readonly signature: string;
  readonly etag: string;
}

/** A signing key with a name. */
export class Key {
  private readonly secret: KeyObject;
  private readonly x: string;

  constructor(readonly kid: string) {
    const { privateKey, publicKey } = generateKeyPairSync("ed25519");
    this.secret = privateKey;
    this.x = String(publicKey.export({ format: "jwk" }).x);
  }

  jwk(): Record<string, string> {
    return { kty: "OKP", crv: "Ed25519", kid: this.kid, x: this.x, use: "sig", alg: "EdDSA" };
  }

  sign(body: Buffer, issuedAt: number, header: Record<string, unknown> = {}): string {
    const fields = JSON.stringify({ alg: "EdDSA", iat: issuedAt, kid: this.kid, ...header });
    const part = Buffer.from(fields).toString("base64url");
    const signed = sign(null, Buffer.from(`${part}.${body.toString("base64url")}`), this.secret);
    return `${part}..${signed.toString("base64url")}`;
  }
}

type Event = Readonly<Record<string, unknown>>;

/** `events` are the accepted enforcement events by id, `batches` what was posted; `spoil` may change any answer. */
export class Brain extends Listening {
  key = new Key("key-1");
  published = [this.key];
  readonly events = new Map<string, Event>();
  readonly batches: Event[][] = [];
  /** Usage events that were taken, by id. */
  readonly usage = new Map<string, Event>();
  rejectsUsage: (event: Event) => boolean = () => false;
  readonly asked: string[] = [];
  spoil: (answer: Answer) => Answer = (answer) => answer;
  refuses: (event: Event) => boolean = () => false;
  losesAnswers = false;
  knowsNumbers = true;
  holdsStreams = true;
  token: string | null = null;
  private answer: Answer | null = null;
  private readonly waiting = new Set<() => void>();

  static async started(): Promise<Brain> {
    const brain = new Brain();
    await brain.start();
    return brain;
  }

  get jwks(): { keys: Record<string, string>[] } {
    return { keys: this.published.map((key) => key.jwk()) };
  }

  /** As if it was killed: who waits for news is let go, too. */
  override stop(): Promise<void> {
    const stopped = super.stop();
    this.wake();
    return stopped;
  }

  /** Signs and serves a document from now on; a text as it is, where numbers are beyond those of JSON.stringify. */
  activate(document: Readonly<Record<string, unknown>> | string, issuedAt = Math.floor(Date.now() / 1000)): void {
    const body = Buffer.from(typeof document === "string" ? document : JSON.stringify(document));
    const etag = createHash("sha256").update(body).digest("hex");
    this.answer = { body, signature: this.key.sign(body, issuedAt), etag };
    this.wake();
  }

  private wake(): void {
    for (const wake of [...this.waiting]) {
      wake();
    }
  }

  private current(): Answer | null {
    return this.answer === null ? null : this.spoil(this.answer);
  }

  /** The answer as soon as it has another etag; null when the time is over. */
  private async another(etag: string | undefined, ms: number): Promise<Answer | null> {
    const until = Date.now() + ms;
    while (this.listens && (this.answer === null || this.answer.etag === etag) && Date.now() < until) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.waiting.delete(wake);
          resolve();
        };
        const timer = setTimeout(wake, until - Date.now());
        this.waiting.add(wake);
      });
    }
    const current = this.current();
    return current?.etag === etag ? null : current;
  }

  protected async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "", this.url);
    this.asked.push(url.pathname);
    if (this.token !== null && request.headers.authorization !== `Bearer ${this.token}`) {
      send(response, 401, { title: "This token is not one of this workspace." });
    } else if (url.pathname === "/api/runtime/keys") {
      send(response, 200, this.jwks);
    } else if (url.pathname === "/api/runtime/stream") {
      await this.stream(request, response);
    } else if (url.pathname === "/api/enforcement-events") {
      await this.take(request, response);
    } else if (url.pathname === "/api/usage-events") {
      await this.takeUsage(request, response);
    } else {
      await this.config(request, response, Number(url.searchParams.get("wait") ?? 0));
    }
  }

  private async config(request: IncomingMessage, response: ServerResponse, waitSeconds: number): Promise<void> {
    const etag = request.headers["if-none-match"]?.replaceAll('"', "");
    let answer = this.current();
    if (answer !== null && answer.etag === etag) {
      answer = waitSeconds > 0 ? await this.another(etag, waitSeconds * 1000) : null;
      if (answer === null) {
        response.writeHead(304).end();
        return;
      }
    }
    if (answer === null) {
      send(response, 404, { code: "no_active_config", detail: "Nothing is active." });
      return;
    }
    response.writeHead(200, { ETag: `"${answer.etag}"`, "AVS-Signature": answer.signature });
    response.end(answer.body);
  }

  private async takeUsage(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const events = await eventsIn(request);
    const rejected = events.map((event) => this.rejectsUsage(event));
    for (const [index, event] of events.entries()) {
      if (rejected[index] === false) {
        this.usage.set(String(event["event_id"]), event);
      }
    }
    const rejects = [...rejected.keys()].filter((index) => rejected[index]);
    send(response, 202, { rejects: rejects.map((index) => ({ row: index + 1, field: "customer_id", reason: "no" })) });
  }

  private async stream(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.flushHeaders();
    let last = request.headers["last-event-id"] as string | undefined;
    while (this.listens && this.holdsStreams && !response.destroyed) {
      const answer = await this.another(last, HEARTBEAT_MS);
      response.write(answer === null ? ": hb\n\n" : eventText(answer));
      last = answer?.etag ?? last;
    }
    response.end();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const events = await eventsIn(request);
    this.batches.push(events);
    const results = events.map((event) => this.accept(event));
    if (this.losesAnswers) {
      request.socket.destroy();
      return;
    }
    send(response, 202, { results });
  }

  private accept(event: Event): Event {
    const { enforcement_event_id: name } = event as { enforcement_event_id: string };
    let wrong = this.refuses(event) ? "/customer_id" : null;
    if ("client_id" in event && !this.knowsNumbers) {
      wrong = "/client_id";
    }
    if (wrong !== null) {
      return { status: "rejected", enforcement_event_id: name, errors: [{ pointer: wrong }] };
    }
    const status = this.events.has(name) ? "duplicate" : "accepted";
    this.events.set(name, this.events.get(name) ?? event);
    return { status, enforcement_event_id: name, errors: [] };
  }
}

async function eventsIn(request: IncomingMessage): Promise<Event[]> {
  const parts: Buffer[] = [];
  for await (const part of request) {
    parts.push(part as Buffer);
  }
  return JSON.parse(Buffer.concat(parts).toString()) as Event[];
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

function eventText({ body, signature, etag }: Answer): string {
  const data = JSON.stringify({ etag, signature, document_b64: body.toString("base64") });
  return `event: config\nid: ${etag}\ndata: ${data}\n\n`;
}
