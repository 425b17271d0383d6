/**
 * Requests over HTTP, each of which ends: with an answer, or with Unreachable after its time.
 *
 * Made of node:http, not of fetch: what goes on in the background must not keep an app alive that has nothing left to
 * do, and a fetch that waits does.
 */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, Agent as HttpAgent } from "node:http";
import { request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { StringDecoder } from "node:string_decoder";

import { Unreachable } from "./errors.js";

/** An answer, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** `waits`: whether the app stays alive for the answer. */
export interface HttpOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly content?: string;
  readonly timeoutMs: number;
  readonly waits?: boolean;
}

/** Requests to one address; redirections are not followed. */
export class Http {
  private readonly base: string;
  private readonly secure: boolean;
  private readonly agent: HttpAgent;
  private readonly running = new Set<ClientRequest>();

  constructor(
    base: string,
    private readonly headers: Readonly<Record<string, string>> = {},
  ) {
    this.base = base.replace(/\/+$/, "");
    this.secure = new URL(base).protocol === "https:";
    this.agent = this.secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true });
  }

  /** GET, or POST where there is content. Rejects with Unreachable. */
  async ask(path: string, options: HttpOptions): Promise<HttpAnswer> {
    const request = this.begin(path, options);
    const timer = setTimeout(() => {
      request.destroy(new Error(`no answer within ${options.timeoutMs / 1000} s`));
    }, options.timeoutMs);
    if (options.waits !== true) {
      timer.unref();
    }
    try {
      const answer = await answered(request);
      return { status: answer.statusCode ?? 0, headers: answer.headers, body: await wholeBody(answer) };
    } catch (problem) {
      throw new Unreachable(`${path}: ${messageOf(problem)}`, { cause: problem });
    } finally {
      clearTimeout(timer);
      this.running.delete(request);
    }
  }

  /** The lines of an answer that goes on and on. Rejects with Unreachable when nothing comes for `silenceMs`. */
  async *lines(
    path: string,
    options: HttpOptions & { readonly silenceMs: number },
  ): AsyncGenerator<string, void, void> {
    const request = this.begin(path, options);
    const fail = (ms: number) => request.destroy(new Error(`nothing came for ${ms / 1000} s`));
    let timer = setTimeout(fail, options.timeoutMs, options.timeoutMs).unref();
    try {
      const answer = await answered(request);
      if (answer.statusCode !== 200) {
        throw new Error(`answered ${answer.statusCode}`);
      }
      const decoder = new StringDecoder("utf8");
      let rest = "";
      for await (const content of answer) {
        clearTimeout(timer);
        timer = setTimeout(fail, options.silenceMs, options.silenceMs).unref();
        const lines = (rest + decoder.write(content as Buffer)).split("\n");
        rest = lines.pop() ?? "";
        yield* lines.map((line) => line.replace(/\r$/, ""));
      }
    } catch (problem) {
      throw problem instanceof Unreachable ? problem : new Unreachable(`${path}: ${messageOf(problem)}`);
    } finally {
      clearTimeout(timer);
      this.running.delete(request);
      request.destroy();
    }
  }

  /** Ends what is under way. */
  close(): void {
    for (const request of this.running) {
      request.destroy(new Error("closed"));
    }
    this.agent.destroy();
  }

  private begin(path: string, options: HttpOptions): ClientRequest {
    const { content } = options;
    const length = content === undefined ? {} : { "Content-Length": String(Buffer.byteLength(content)) };
    const request = (this.secure ? httpsRequest : httpRequest)(this.base + path, {
      agent: this.agent,
      method: content === undefined ? "GET" : "POST",
      headers: { ...this.headers, ...options.headers, ...length },
    });
    this.running.add(request);
    request.on("error", () => undefined); // whoever waits for the answer is told; after it nobody needs to be
    request.on("socket", (socket) => (options.waits === true ? socket.ref() : socket.unref()));
    request.end(content);
    return request;
  }
}

function answered(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
    request.once("close", () => reject(new Error("the connection was closed")));
  });
}

async function wholeBody(answer: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of answer) {
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}

/** What an error says, with its code where it says nothing else. */
export function messageOf(problem: unknown): string {
  if (!(problem instanceof Error)) {
    return String(problem);
  }
  const code = "code" in problem ? String(problem.code) : "";
  return problem.message || code || problem.name;
}
