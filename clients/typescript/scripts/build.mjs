// Builds dist/esm and dist/cjs with their types; each folder says which kind of module it holds.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
rmSync("dist", { recursive: true, force: true });
for (const [project, kind, folder] of [
  ["tsconfig.build.json", "module", "dist/esm"],
  ["tsconfig.cjs.json", "commonjs", "dist/cjs"],
]) {
  execFileSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });
  writeFileSync(join(folder, "package.json"), `{"type":"${kind}"}\n`);
}
