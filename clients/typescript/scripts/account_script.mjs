// Writes the script of the accounts in Redis into the source, for a package has no files beside its modules.
import { readFileSync, writeFileSync } from "node:fs";

const lines = readFileSync("../lua/account.lua", "utf8").split("\n");
const HEAD = `/**
 * The script that changes an account in Redis: the very bytes of clients/lua/account.lua, which every client runs and
 * clients/ACCOUNT.md describes. \`node scripts/account_script.mjs\` writes this file.
 */
// biome-ignore format: a line here is a line there
export const ACCOUNT_SCRIPT = [
`;
const body = lines.map((line) => `  ${JSON.stringify(line)},\n`).join("");
writeFileSync("src/counters/account_script.ts", `${HEAD}${body}].join("\\n");\n`);
