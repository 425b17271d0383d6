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

export interface Circumstances {
  /** The most KiB that any of its files may have, as if the disk was full then. */
  readonly mostKib?: number;
}

/** The script has `Client`, `FileCounters`, `SUBJECT`, `say` (a line of output) and its `ARGUMENTS`. */
export function start(folder: string, script: string, ...given: readonly unknown[]): App {
  return startUnder({}, folder, script, ...given);
}

/** As `start`, under circumstances that are not those of an app in good health. */
export function startUnder(
  { mostKib }: Circumstances,
  folder: string,
  script: string,
  ...given: readonly unknown[]
): App {
  const path = join(folder, "app.mjs");
  const preamble = `
    import { Client, FileCounters } from ${JSON.stringify(LIBRARY)};
    const SUBJECT = ${JSON.stringify(SUBJECT)};
    const ARGUMENTS = JSON.parse(process.argv[2]);
    const say = (text) => process.stdout.write(text + "\\n");
  `;
  writeFileSync(path, preamble + script);
  const command = [process.execPath, path, JSON.stringify(given)];
  const limited =
    mostKib === undefined ? command : ["bash", "-c", `ulimit -f ${mostKib}; exec "$@"`, "app", ...command];
  const child = spawn(limited[0] as string, limited.slice(1), { stdio: ["ignore", "pipe", "inherit"] });
  let text = "";
  child.stdout?.on("data", (content) => {
    text += content;
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { process: child, lines: () => text.split("\n").slice(0, -1), ended };
}
