// The SDKs that are measured beside: each answers one flag by one rule. They are no dependencies of this package:
//
//     npm install --no-save @growthbook/growthbook unleash-client @openfeature/flagd-core @openfeature/core
import { createRequire } from "node:module";
import { join } from "node:path";

// RIVALS: a folder whose node_modules has them, where it is not this package's.
const from = createRequire(join(process.env.RIVALS ?? import.meta.dirname, "rivals.mjs"));

/** One feature with one targeting rule, evaluated for one user. */
export function growthbook() {
  const { GrowthBook } = from("@growthbook/growthbook");
  const rules = [{ condition: { plan: "pro" }, force: true }];
  const book = new GrowthBook({
    attributes: { id: "c", plan: "pro" },
    features: { render: { defaultValue: false, rules } },
  });
  return { ask: () => book.isOn("render"), close: () => book.destroy() };
}

function toggleFor(customers) {
  const strategies = [{ name: "userWithId", parameters: { userIds: customers.join() }, constraints: [] }];
  return { name: "render", enabled: true, type: "release", stale: false, strategies, variants: [] };
}

/** One toggle with the userWithId strategy, evaluated with a context. */
export async function unleash(customers) {
  const { Unleash, InMemStorageProvider } = from("unleash-client");
  const client = new Unleash({
    appName: "benchmark",
    url: "http://127.0.0.1:1/api/",
    refreshInterval: 0,
    disableMetrics: true,
    disableAutoStart: true,
    skipInstanceCountWarning: true,
    storageProvider: new InMemStorageProvider(),
    bootstrap: { data: [toggleFor(customers.slice(0, 10))] },
  });
  client.on("error", () => undefined); // nobody listens at the address, and nobody has to
  client.on("warn", () => undefined);
  const ready = new Promise((resolve) => client.once("ready", resolve));
  await client.start().catch(() => undefined);
  await ready;
  if (!client.isEnabled("render", { userId: customers[0] })) {
    throw new Error("Unleash does not answer by the toggle.");
  }
  return { ask: (customer) => client.isEnabled("render", { userId: customer }), close: () => client.destroy() };
}

/** One flag with one targeting rule, evaluated in process. */
export function flagd() {
  const { FlagdCore } = from("@openfeature/flagd-core");
  const core = new FlagdCore();
  const targeting = { if: [{ "==": [{ var: "plan" }, "pro"] }, "on", "off"] };
  const render = { state: "ENABLED", variants: { on: true, off: false }, defaultVariant: "off", targeting };
  core.setConfigurations(JSON.stringify({ flags: { render } }));
  const nothing = () => undefined;
  const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing };
  const ask = (customer) =>
    core.resolveBooleanEvaluation("render", false, { targetingKey: customer, plan: "pro" }, quiet);
  if (ask("c").value !== true) {
    throw new Error("flagd does not answer by the rule.");
  }
  return { ask, close: () => undefined };
}
