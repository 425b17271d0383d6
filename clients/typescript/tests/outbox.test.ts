// A queue that cannot be written stops nobody: its events wait in memory, not without limit, and it is said.
import { expect, test } from "vitest";
import { Outbox } from "../src/outbox.js";
import type { Outgoing } from "../src/types.js";
import { SeenQueue } from "./support/documents.js";

class FullDisk extends SeenQueue {
  isFull = true;

  override release(events: readonly Outgoing[]): void {
    if (this.isFull) {
      throw new Error("no space left on device");
    }
    super.release(events);
  }
}

function boxed() {
  const [queue, problems] = [new FullDisk(), new Map<string, string>()];
  const log = {
    begin: (code: string, text: string) => void problems.set(code, text),
    end: (...codes: readonly string[]) => void codes.map((code) => problems.delete(code)),
  };
  return { queue, problems, outbox: new Outbox(queue, log, "queue of usage events") };
}

function event(number: number): Outgoing {
  return { eventId: `use_${number}`, body: "{}", proof: ["ws_1/production", "c", ""] };
}

test("what cannot be written waits, and is written in order when there is room", () => {
  const { queue, problems, outbox } = boxed();
  outbox.release([event(1)]);
  outbox.release([event(2)]);
  expect(outbox.overflowing).toBe(2);
  expect(problems.get("queue_not_written")).toMatch(/queue of usage events cannot be written.*no space left/);
  queue.isFull = false;
  outbox.catchUp();
  expect(queue.released.map(({ eventId }) => eventId)).toEqual(["use_1", "use_2"]);
  expect([outbox.overflowing, problems.size]).toEqual([0, 0]);
});

test("only so many wait; that more are lost is said", () => {
  const { problems, outbox } = boxed();
  outbox.release(Array.from({ length: 10_000 }, (_, number) => event(number)));
  expect(problems.has("events_lost")).toBe(false);
  outbox.release([event(10_000)]);
  expect(outbox.overflowing).toBe(10_000);
  expect(problems.has("events_lost")).toBe(true);
});
