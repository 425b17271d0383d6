/** Files that are written whole or not at all. */
import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { randomBytes } from "node:crypto";
import { dirname } from "node:path";

/** Replaces a file: a crash or a power cut leaves the old one or the new one. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = written(path, content);
  try {
    renameSync(temporary, path);
  } catch (problem) {
    rmSync(temporary, { force: true });
    throw problem;
  }
  syncFolder(dirname(path));
}

/** Makes a file unless there is one: whether this call made it. Of several processes exactly one does. */
export function createFile(path: string, content: string | Uint8Array): boolean {
  const temporary = written(path, content);
  try {
    linkSync(temporary, path);
    syncFolder(dirname(path));
    return true;
  } catch (problem) {
    if (codeOf(problem) === "EEXIST") {
      return false;
    }
    throw problem;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** The code of a system error (ENOENT, ENOSPC, …); undefined for every other error. */
export function codeOf(problem: unknown): string | undefined {
  return problem instanceof Error && "code" in problem ? String(problem.code) : undefined;
}

/** A name beside a file for what is set aside. */
export function asidePath(path: string): string {
  return `${path}.damaged-${new Date().toISOString().replace(/[:.]/g, "")}`;
}

function written(path: string, content: string | Uint8Array): string {
  const temporary = `${path}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`;
  const file = openSync(temporary, "wx", 0o600);
  try {
    writeFileSync(file, content);
    fsyncSync(file);
  } catch (problem) {
    rmSync(temporary, { force: true });
    throw problem;
  } finally {
    closeSync(file);
  }
  return temporary;
}

/** A rename is durable only then; not every system lets a folder be opened. */
function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, "r");
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows, and some network file systems: the file itself is written all the same.
  }
}
