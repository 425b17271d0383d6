/** A real HTTP server on loopback that can be stopped, as if it was killed, and started again on the same port. */
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

export abstract class Listening {
  private readonly sockets = new Set<Socket>();
  private server: Server | null = null;
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  protected get listens(): boolean {
    return this.server !== null;
  }

  start(): Promise<void> {
    const server = createServer((request, response) => void this.handle(request, response));
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      socket.once("close", () => this.sockets.delete(socket));
    });
    this.server = server;
    return new Promise((resolve) => {
      server.listen(this.port, "127.0.0.1", () => {
        this.port = (server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  /** Nobody answers any more, every connection breaks. */
  stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    for (const socket of this.sockets) {
      socket.destroy();
    }
    return new Promise((resolve) => (server === null ? resolve() : server.close(() => resolve())));
  }

  protected abstract handle(request: IncomingMessage, response: ServerResponse): Promise<void> | void;
}
