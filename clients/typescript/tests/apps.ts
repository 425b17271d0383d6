/** A piece of an app in a process of its own, which may be killed at any instant. */
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { SUBJECT } from "./documents.js";

const LIBRARY = new URL("../dist/esm/index.js", import.meta.url).href;

/** What a process printed, line by line, and how it ended. */
export interface App {
  readonly process: ChildProcess;
  readonly lines: () => readonly string[];
  readonly ended: Promise<number | null>;
}

/** The script has `Client`, `FileCounters`, `SUBJECT`, `say` (a line of output) and its `ARGUMENTS`. */
export function start(folder: string, script: string, ...given: readonly unknown[]): App {
  const path = join(folder, "app.mjs");
  const preamble = `
    import { Client, FileCounters } from ${JSON.stringify(LIBRARY)};
    const SUBJECT = ${JSON.stringify(SUBJECT)};
    const ARGUMENTS = JSON.parse(process.argv[2]);
    const say = (text) => process.stdout.write(text + "\\n");
  `;
  writeFileSync(path, preamble + script);
  const child = spawn(process.execPath, [path, JSON.stringify(given)], { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout?.on("data", (content) => {
    text += content;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { process: child, lines: () => text.split("\n").slice(0, -1), ended };
}
