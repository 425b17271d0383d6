/** A connection to a Redis server: short own time limits, nothing in the background, and the script by its digest. */
import { createHash } from "node:crypto";

import { CountersUnavailable } from "../errors.js";
import { messageOf } from "../http.js";
import { ACCOUNT_SCRIPT } from "./account_script.js";

const DIGEST = createHash("sha1").update(ACCOUNT_SCRIPT).digest("hex");

/** A connection to a Redis server: what this library asks of one. A client of the package `redis` is one. */
export interface RedisConnection {
  sendCommand(command: readonly string[]): Promise<unknown>;
}

/** Sends commands with a time limit of its own. Rejects with CountersUnavailable. */
export class Wire {
  private connection: Promise<RedisConnection> | null = null;
  private closing: () => unknown = () => undefined;

  constructor(
    private readonly server: string | RedisConnection,
    private readonly timeoutMs: number,
  ) {}

  async ask(...commands: readonly (readonly string[])[]): Promise<unknown[]> {
    return this.inTime(async () => {
      const connection = await this.connected();
      return Promise.all(commands.map((command) => connection.sendCommand([...command])));
    });
  }

  /** The script's answer. */
  async run(command: string, request: unknown, keys: readonly string[]): Promise<readonly string[]> {
    const tail = [String(keys.length), ...keys, command, JSON.stringify(request)];
    return this.inTime(async () => {
      const connection = await this.connected();
      try {
        return texts(await connection.sendCommand(["EVALSHA", DIGEST, ...tail]));
      } catch (problem) {
        if (!messageOf(problem).startsWith("NOSCRIPT")) {
          throw problem;
        }
        return texts(await connection.sendCommand(["EVAL", ACCOUNT_SCRIPT, ...tail]));
      }
    });
  }

  async close(): Promise<void> {
    const isOpen = this.connection !== null;
    this.connection = null;
    if (isOpen) {
      await this.closing();
    }
  }

  private async inTime<T>(work: () => Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
    });
    try {
      return await Promise.race([work(), late]);
    } catch (problem) {
      throw new CountersUnavailable(`The counters in Redis do not answer: ${messageOf(problem)}`, { cause: problem });
    } finally {
      clearTimeout(timer);
    }
  }

  private connected(): Promise<RedisConnection> {
    if (typeof this.server !== "string") {
      return Promise.resolve(this.server);
    }
    this.connection ??= this.connect(this.server);
    return this.connection;
  }

  /** A connection that breaks is left alone: the next call makes another one, so nothing goes on in the background. */
  private connect(url: string): Promise<RedisConnection> {
    const connecting = this.made(url, () => {
      if (this.connection === connecting) {
        this.connection = null;
      }
    });
    return connecting;
  }

  private async made(url: string, broken: () => void): Promise<RedisConnection> {
    try {
      const { createClient } = await import("redis");
      const socket = { connectTimeout: this.timeoutMs, reconnectStrategy: false } as const;
      const client = createClient({ url, RESP: 2, disableOfflineQueue: true, socket });
      client.on("error", broken); // every call that fails says so itself
      client.on("end", broken);
      this.closing = () => client.destroy();
      await client.connect();
      client.unref(); // an app that has nothing left to do may end
      return client as unknown as RedisConnection;
    } catch (problem) {
      broken();
      throw problem;
    }
  }
}

function texts(answer: unknown): readonly string[] {
  return (answer as readonly unknown[]).map(String);
}
