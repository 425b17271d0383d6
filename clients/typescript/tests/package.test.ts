// The package as apps get it: both kinds of modules, with the same names, types beside them, and nothing to install.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PACKAGE = JSON.parse(readFileSync(`${ROOT}package.json`, "utf-8")) as {
  readonly dependencies?: object;
  readonly exports: { readonly ".": Readonly<Record<string, { readonly types: string; readonly default: string }>> };
};
const NAMES = `JSON.stringify(Object.keys(found).filter((name) => name !== "default" && name !== "module.exports").sort())`;

/** What a program of this kind sees of the package, by its name. */
function namesIn(kind: "commonjs" | "module"): readonly string[] {
  const load =
    kind === "module" ? 'import * as found from "avs-brain-client";' : 'const found = require("avs-brain-client");';
  const said = execFileSync(process.execPath, [`--input-type=${kind}`, "-e", `${load} console.log(${NAMES})`], {
    cwd: ROOT,
  });
  return JSON.parse(said.toString()) as string[];
}

test("ESM and CommonJS have the same names", () => {
  expect(namesIn("commonjs")).toEqual(namesIn("module"));
  expect(namesIn("module")).toEqual(expect.arrayContaining(["Client", "Decimal", "FileCounters", "MemoryCounters"]));
});

test("every way in has its file and its types", () => {
  const files = Object.values(PACKAGE.exports["."]).flatMap(({ types, default: code }) => [types, code]);
  expect(files.filter((file) => !existsSync(`${ROOT}${file}`))).toEqual([]);
});

test("an app installs nothing else", () => {
  expect(PACKAGE.dependencies).toBeUndefined();
});
