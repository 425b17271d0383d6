/** The script that every client runs on an account in Redis is the same to the byte. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { ACCOUNT_SCRIPT } from "../src/counters/account_script.js";

test("the package has the very bytes of the shared script", () => {
  expect(ACCOUNT_SCRIPT).toBe(readFileSync(new URL("../../lua/account.lua", import.meta.url), "utf8"));
});
