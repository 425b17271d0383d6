/** AVS Brain over HTTP: the config, its stream, the public keys, and where enforcement events go. */
import { type Subject, subjectQuery } from "./document.js";
import { BadSignature, EventsRefused, TokenRefused, Unreachable } from "./errors.js";
import { Http, type HttpAnswer } from "./http.js";
import type { KeySet } from "./signatures.js";
import type { Delivered, Source } from "./types.js";

const CONFIG = "/api/runtime/config";
const STREAM = "/api/runtime/stream";
const KEYS = "/api/runtime/keys";
const EVENTS = "/api/enforcement-events";
const USAGE = "/api/usage-events";
const TIMEOUT_MS = 10_000;
/** A stream that brings nothing, not even one of the heartbeats of every 15 seconds, is dead. */
const SILENCE_MS = 45_000;

/** What became of one event that was sent. */
export interface SendResult {
  readonly status: string;
  readonly errors: readonly { readonly pointer?: string }[];
}

/** One AVS Brain. Every method rejects with Unreachable when it does not answer as it should. */
export class Brain implements Source {
  private readonly http: Http;

  constructor(baseUrl: string, token: string | null = null) {
    this.http = new Http(baseUrl, token === null ? {} : { Authorization: `Bearer ${token}` });
  }

  async config(subject: Subject, etag: string | null = null, waitSeconds = 0): Promise<Delivered | null> {
    const wait = waitSeconds > 0 && etag !== null ? { wait: String(waitSeconds) } : {};
    const query = new URLSearchParams({ ...subjectQuery(subject), ...wait });
    const answer = await this.http.ask(`${CONFIG}?${query}`, {
      headers: etag === null ? {} : { "If-None-Match": `"${etag}"` },
      timeoutMs: TIMEOUT_MS + waitSeconds * 1000,
    });
    if (answer.status === 304) {
      return null;
    }
    expect(answer, 200, CONFIG);
    const signature = answer.headers["avs-signature"];
    return {
      body: answer.body,
      signature: typeof signature === "string" ? signature : "",
      etag: etagOf(answer.headers.etag),
    };
  }

  async keys(): Promise<KeySet> {
    const answer = await this.http.ask(KEYS, { timeoutMs: TIMEOUT_MS });
    expect(answer, 200, KEYS);
    return jsonObject(KEYS, answer.body);
  }

  async *stream(subject: Subject, lastEventId: string | null = null): AsyncGenerator<Delivered | null, void, void> {
    const last = lastEventId === null ? {} : { "Last-Event-ID": lastEventId };
    const lines = this.http.lines(`${STREAM}?${new URLSearchParams(subjectQuery(subject))}`, {
      headers: { Accept: "text/event-stream", ...last },
      timeoutMs: TIMEOUT_MS,
      silenceMs: SILENCE_MS,
    });
    yield* streamed(lines);
  }

  /**
   * Posts a batch of JSON texts; what became of each event, in order. The app stays alive for the answer. Rejects with
   * EventsRefused when AVS Brain will never take the batch as it is.
   */
  async sendEvents(bodies: readonly string[]): Promise<readonly SendResult[]> {
    const answer = await this.post(EVENTS, bodies);
    if (isRefused(answer)) {
      throw new EventsRefused(`${EVENTS} answered ${answer.status}: ${titleOf(answer.body)}`);
    }
    expect(answer, 202, EVENTS);
    const { results } = jsonObject(EVENTS, answer.body);
    if (!Array.isArray(results) || results.length !== bodies.length) {
      throw new Unreachable(`${EVENTS} did not answer for each of the ${bodies.length} events.`);
    }
    return results.map((result: Partial<SendResult> | null) => ({
      status: String(result?.status),
      errors: Array.isArray(result?.errors) ? result.errors : [],
    }));
  }

  /** Posts usage events, at most 1,000 JSON texts; by the index of each that is rejected, why. */
  async sendUsage(bodies: readonly string[]): Promise<ReadonlyMap<number, string>> {
    const answer = await this.post(USAGE, bodies);
    const rejects = rejectsOf(answer);
    if (rejects !== null) {
      return rejects;
    }
    if (isRefused(answer)) {
      throw new EventsRefused(`${USAGE} answered ${answer.status}: ${titleOf(answer.body)}`);
    }
    expect(answer, 202, USAGE);
    throw new Unreachable(`${USAGE} did not answer with a receipt.`);
  }

  async close(): Promise<void> {
    this.http.close();
  }

  /** The app stays alive for the answer. */
  private post(path: string, bodies: readonly string[]): Promise<HttpAnswer> {
    return this.http.ask(path, {
      content: `[${bodies.join(",")}]`,
      headers: { "Content-Type": "application/json" },
      timeoutMs: TIMEOUT_MS,
      waits: true,
    });
  }
}

function isRefused({ status }: HttpAnswer): boolean {
  return [400, 413, 422].includes(status);
}

/** Of a receipt of usage events: why by index, which row counts from 1; null when it is no receipt. */
function rejectsOf({ status, body }: HttpAnswer): ReadonlyMap<number, string> | null {
  try {
    const { rejects } = JSON.parse(body.toString("utf8")) as {
      rejects?: { row: number; field: string; reason: string }[];
    };
    const listed = rejects?.map(({ row, field, reason }) => [row - 1, `${field}: ${reason}`] as const);
    return listed === undefined || ![202, 422].includes(status) ? null : new Map(listed);
  } catch {
    return null;
  }
}

/** Server-sent events: `data` of one event, then an empty line; a line that begins with a colon is a heartbeat. */
async function* streamed(lines: AsyncIterable<string>): AsyncGenerator<Delivered | null, void, void> {
  let data: string[] = [];
  for await (const line of lines) {
    if (line.startsWith(":")) {
      yield null;
    } else if (line.startsWith("data:")) {
      data.push(line.slice(5).replace(/^ /, ""));
    } else if (line === "" && data.length > 0) {
      yield delivered(data.join("\n"));
      data = [];
    }
  }
}

function delivered(text: string): Delivered {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (problem) {
    throw new BadSignature("The stream brought an event that cannot be read.", { cause: problem });
  }
  const fields = (event ?? {}) as { document_b64?: unknown; signature?: unknown; etag?: unknown };
  const { document_b64: body, signature, etag } = fields;
  if (typeof body !== "string" || typeof signature !== "string" || typeof etag !== "string") {
    throw new BadSignature("The stream brought an event that cannot be read.");
  }
  return { body: Buffer.from(body, "base64"), signature, etag };
}

/** The digest of a document; what comes after a hyphen says how it was packed. */
function etagOf(header: string | undefined): string {
  return (header ?? "").replace(/^W\//, "").replaceAll('"', "").split("-")[0] ?? "";
}

function expect(answer: HttpAnswer, status: number, path: string): void {
  if (answer.status === 401 || answer.status === 403) {
    throw new TokenRefused(`${path} answered ${answer.status}: ${titleOf(answer.body)}`);
  }
  if (answer.status !== status) {
    throw new Unreachable(`${path} answered ${answer.status}: ${titleOf(answer.body)}`);
  }
}

/** A JSON object; Unreachable for anything else. */
export function jsonObject(path: string, content: Uint8Array): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(content).toString("utf8"));
  } catch (problem) {
    throw new Unreachable(`${path} is not JSON.`, { cause: problem });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Unreachable(`${path} is not a JSON object.`);
  }
  return value as Readonly<Record<string, unknown>>;
}

/** What a problem+json says, or the beginning of whatever it is. */
function titleOf(body: Buffer): string {
  const text = body.toString("utf8");
  try {
    const problem = JSON.parse(text) as { detail?: unknown; title?: unknown };
    return String(problem.detail ?? problem.title ?? text.slice(0, 200));
  } catch {
    return text.slice(0, 200);
  }
}
