/**
 * A file that several processes append to and that all of them read: the order of its lines is what happened.
 *
 * Nothing is ever locked. A line is appended in one write, and the system puts appended writes one after the other.
 * What a line means is decided while it is read, by the same rule in every process (`Machine.apply`), so a change that
 * was made from an old state is seen to be old by everybody, and is made anew. A process that is killed leaves at most
 * the beginning of a line, which nobody takes for one.
 *
 * A file that has grown is sealed by a line that says so: lines after the seal count for nothing. What it came to is
 * written to the file of the next number, and the sealed one is replaced by a few bytes.
 */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasync, fstatSync, mkdirSync, openSync, readdirSync, readSync, renameSync } from "node:fs";
import { rmSync, statfsSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import { crc32 } from "./crc.js";
import { asidePath, codeOf, createFile, replaceFile } from "./disk.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** What the lines of a journal mean. Every process that reads the same lines has the same state. */
export interface Machine {
  /** Takes a line's entry up; `at` grows from line to line. False: it was made from an old state and changes nothing. */
  apply(entry: Json, at: number): boolean;
  /** Entries from which an empty machine comes to this state. */
  entries(): Iterable<Json>;
  /** Forgets everything. */
  reset(): void;
}

const SEAL = "sealed";
const FORMAT = 1;
const LEAST_LIMIT = 8 << 20;
const KEPT_SEALED = 50;
const SUCCESSOR_MS = 1_000;
const CHUNK = 1 << 20;
const NEWLINE = 10;
const CRC_LENGTH = 8;
const ATTEMPTS = 10_000;
const WAITING = new Int32Array(new SharedArrayBuffer(4));

/** Errors of the file system pass through; a write that failed may or may not have happened. */
export class Journal {
  /** How many lines could not be read since the file was opened: what a killed process or a bad disk left. */
  damaged = 0;
  /** Where a file that was no journal was put; undefined where that did not happen. */
  aside: string | undefined;

  private readonly path: string;
  private readonly machine: Machine;
  private readonly least: number;
  private readonly me = randomBytes(6).toString("hex");
  private file = -1;
  private number = 0;
  private offset = 0;
  private limit = 0;
  private count = 0;
  private sealed = false;
  private syncing = -1;
  private unsynced = false;
  private outcome: boolean | undefined;
  private expected = "";

  /** `path` without the number that each file's name ends with; `limit`: bytes from which a file is replaced. */
  constructor(path: string, machine: Machine, limit: number = LEAST_LIMIT) {
    this.path = path;
    this.machine = machine;
    this.least = limit;
    mkdirSync(dirname(path), { recursive: true });
    this.open(this.newest());
    this.catchUp();
  }

  /** Takes up what other processes have written. */
  catchUp(): void {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const { size, nlink } = fstatSync(this.file);
      if (size > this.offset) {
        this.read(size);
      }
      if (!this.sealed && nlink > 0) {
        return;
      }
      this.moveOn();
    }
    throw new Error(`${this.path} was replaced ${ATTEMPTS} times while it was read.`);
  }

  /**
   * Writes what `make` says about the state as it is now; again, from the newer state, where another process was
   * faster. Nothing is written where `make` says undefined. The entry is in the hands of the system when this returns.
   */
  append(make: () => Json | undefined): void {
    this.catchUp();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const entry = make();
      if (entry === undefined || this.write(entry)) {
        return;
      }
      this.catchUp();
    }
    throw new Error(`${this.path} changed ${ATTEMPTS} times while it was being changed.`);
  }

  /** Lets the disk have what was written, in the background; a power cut before that loses it, a kill does not. */
  sync(): void {
    this.unsynced = true;
    if (this.syncing >= 0 || this.file < 0) {
      return;
    }
    const file = this.file;
    this.syncing = file;
    this.unsynced = false;
    fdatasync(file, () => {
      this.syncing = -1;
      if (file !== this.file) {
        closeSync(file);
      }
      if (this.unsynced) {
        this.sync();
      }
    });
  }

  close(): void {
    this.leave();
  }

  /** Gives the file back, now or once the disk has it. */
  private leave(): void {
    if (this.file >= 0 && this.file !== this.syncing) {
      closeSync(this.file);
    }
    this.file = -1;
  }

  /** Whether the entry counts. */
  private write(entry: Json): boolean {
    this.count += 1;
    const name = `${this.me}${this.count.toString(36)}`;
    const content = line(`${name} ${JSON.stringify(entry)}`);
    if (writeSync(this.file, content) !== content.length) {
      throw new Error(`${this.path}: the disk is full.`);
    }
    const { size, nlink } = fstatSync(this.file);
    if (size === this.offset + content.length) {
      const at = this.offset + 1; // behind the line feed that the line begins with, as readers find it
      this.offset = size;
      this.outcome = this.machine.apply(entry, at);
    } else {
      this.outcome = undefined;
      this.expected = name;
      this.read(size);
      this.expected = "";
    }
    if (size > this.limit && !this.sealed) {
      this.sealIfPossible();
    }
    return this.outcome === true && (nlink > 0 || this.sealed);
  }

  /** What was written counts, whatever becomes of this: another call goes on. */
  private sealIfPossible(): void {
    try {
      this.seal();
    } catch {
      // A disk that is full: the file goes on growing, or the next call makes its successor.
    }
  }

  /** Unless the disk has no room for what follows: then the file goes on growing. */
  private seal(): void {
    const { bavail, bsize } = statfsSync(dirname(this.path));
    if (bavail * bsize < 2 * this.offset) {
      return;
    }
    const content = line(`${this.me} ${JSON.stringify(SEAL)}`);
    writeSync(this.file, content);
    const { size } = fstatSync(this.file);
    const outcome = this.outcome;
    this.read(size);
    this.outcome = outcome;
    if (this.sealed) {
      this.succeed();
    }
  }

  /** Reads up to `size`, whole lines only; what follows the last line feed is read again when there is more. */
  private read(size: number): void {
    while (this.offset < size && !this.sealed) {
      const content = readAt(this.file, this.offset, Math.min(size - this.offset, CHUNK));
      let end = content.lastIndexOf(NEWLINE) + 1;
      let lines = content.subarray(0, end);
      if (end === 0 && size - this.offset > CHUNK) {
        const whole = readAt(this.file, this.offset, size - this.offset); // a line longer than a chunk
        end = whole.lastIndexOf(NEWLINE) + 1;
        lines = whole.subarray(0, end);
      }
      if (end === 0) {
        return;
      }
      this.lines(lines, this.offset);
      this.offset += end;
    }
  }

  private lines(content: Buffer, offset: number): void {
    let begin = 0;
    while (begin < content.length && !this.sealed) {
      const end = content.indexOf(NEWLINE, begin);
      if (end > begin) {
        this.line(content.subarray(begin, end), offset + begin);
      }
      begin = end + 1;
    }
  }

  private line(content: Buffer, at: number): void {
    const parsed = parsedLine(content);
    if (parsed === undefined) {
      this.damaged += 1;
      return;
    }
    if (parsed.entry === SEAL) {
      this.sealed = true;
      return;
    }
    const outcome = this.machine.apply(parsed.entry, at);
    if (parsed.name === this.expected) {
      this.outcome = outcome;
    }
  }

  /** Goes on with the next file, which whoever sealed this one makes; where they died, anybody does. */
  private moveOn(): void {
    const until = this.sealed ? Date.now() + SUCCESSOR_MS : 0; // unsealed: somebody deleted it, what it said goes on
    while (Date.now() < until && this.newest() <= this.number) {
      Atomics.wait(WAITING, 0, 0, 2);
    }
    this.succeed();
  }

  private succeed(): void {
    mkdirSync(dirname(this.path), { recursive: true });
    const newest = this.newest();
    if (newest > this.number) {
      this.open(newest);
      return;
    }
    const content = [header(), ...Array.from(this.machine.entries(), (entry) => line(`- ${JSON.stringify(entry)}`))];
    createFile(`${this.path}.${this.number + 1}`, Buffer.concat(content));
    replaceFile(`${this.path}.${this.number}`, Buffer.concat([header(), line(`- ${JSON.stringify(SEAL)}`)]));
    rmSync(`${this.path}.${this.number - KEPT_SEALED}`, { force: true });
    this.open(this.newest());
  }

  /** The greatest number that a file has; 0 without one. */
  private newest(): number {
    const prefix = `${basename(this.path)}.`;
    const names = readdirSync(dirname(this.path)).filter((name) => name.startsWith(prefix));
    return Math.max(
      0,
      ...names
        .map((name) => name.slice(prefix.length))
        .filter(isNumber)
        .map(Number),
    );
  }

  private open(number: number): void {
    if (number === 0) {
      createFile(`${this.path}.1`, header());
    }
    const path = `${this.path}.${number || 1}`;
    const file = openSync(path, "a+", 0o600);
    if (!isJournal(file)) {
      closeSync(file);
      this.setAside(path, number || 1);
      return;
    }
    this.leave();
    this.file = file;
    this.number = number || 1;
    this.offset = 0;
    this.sealed = false;
    this.machine.reset();
    const { size } = fstatSync(file);
    this.read(size);
    this.limit = Math.max(this.least, 4 * size);
  }

  private setAside(path: string, number: number): void {
    const aside = asidePath(join(dirname(path), `aside-${basename(path)}`));
    try {
      renameSync(path, aside);
      this.aside = aside;
    } catch (problem) {
      if (codeOf(problem) !== "ENOENT") {
        throw problem; // else another process was faster
      }
    }
    createFile(`${this.path}.${number + 1}`, header());
    this.open(this.newest());
  }
}

function header(): Buffer {
  return line(`- ${JSON.stringify({ avs_journal: FORMAT, id: randomBytes(12).toString("hex") })}`);
}

/** Begins with a line feed, so that the beginning of a line which somebody left before it is a line of its own. */
function line(text: string): Buffer {
  const content = Buffer.from(`\n00000000 ${text}\n`);
  content.write(crc32(content.subarray(CRC_LENGTH + 2, content.length - 1)), 1, "latin1");
  return content;
}

function parsedLine(content: Buffer): { name: string; entry: Json } | undefined {
  const text = content.subarray(CRC_LENGTH + 1);
  if (content.subarray(0, CRC_LENGTH).toString("latin1") !== crc32(text)) {
    return undefined;
  }
  const space = text.indexOf(32);
  try {
    return { name: text.subarray(0, space).toString("latin1"), entry: JSON.parse(text.subarray(space + 1).toString()) };
  } catch {
    return undefined;
  }
}

/** Whether the first line is a header; an error where a later version wrote it. */
function isJournal(file: number): boolean {
  const lines = readAt(file, 0, 200).toString().split("\n");
  const entry = parsedLine(Buffer.from(lines[1] ?? ""))?.entry;
  const { avs_journal: format } = (entry ?? {}) as { readonly avs_journal?: Json };
  if (format !== undefined && format !== FORMAT) {
    throw new Error(`This journal has format ${format}, not ${FORMAT}.`);
  }
  return format === FORMAT;
}

function readAt(file: number, offset: number, length: number): Buffer {
  const content = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = readSync(file, content, filled, length - filled, offset + filled);
    if (count === 0) {
      break;
    }
    filled += count;
  }
  return content.subarray(0, filled);
}

function isNumber(text: string): boolean {
  return /^[1-9][0-9]*$/.test(text);
}
