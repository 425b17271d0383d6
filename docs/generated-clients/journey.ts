/**
 * Author, simulate, approve and enforce, with the types that openapi-typescript generates and openapi-fetch.
 *
 * Run: node journey.js http://127.0.0.1:5000 [the API token, where the server has one]
 */

import createClient, { type Client } from "openapi-fetch";
import type { components, paths } from "./avs-api.js";

type Api = Client<paths>;
type Schemas = components["schemas"];

const WORKSPACE = "ws_1049";
const SUBJECT = {
  workspace_id: WORKSPACE,
  segment: "ai_video_smb",
  stage: "scaling",
  target_environment: "sandbox",
} as const;

/** What was answered, or the reason of the refusal as an error. */
function done<T>(answer: { data?: T; error?: Schemas["Problem"] }): T {
  if (answer.data === undefined) {
    const findings = answer.error?.findings?.map((finding) => finding.message) ?? [];
    throw new Error([`${answer.error?.code}: ${answer.error?.detail}`, ...findings].join("\n"));
  }
  return answer.data;
}

/** A draft: twenty HD minutes a period, a warning at 80 percent. */
async function author(api: Api): Promise<Schemas["Config"]> {
  const body: Schemas["ConfigBody"] = {
    ...SUBJECT,
    cycle_id: "cycle_2026_01_prod_90d",
    config_name: "Twenty minutes",
    price_book_ref: "usd_2026_01_default",
    metric_lenses: ["exploration_depth"],
    pools: [
      {
        label: "Core",
        value_unit_id: "vu_usable_hd_minute",
        included_quantity: 20,
        overage_behavior: "allow_overage",
      },
    ],
    rails: {
      usage_thresholds: [{ percent: 80, action: "warn" }],
      monthly_spend_cap_usd: 500,
      at_cap_action: "require_approval",
      margin_floor: 0,
    },
  };
  const params = { header: { "Idempotency-Key": "twenty-minutes" } };
  return done(await api.POST("/api/configs", { body, params }));
}

/** What the draft would have done to the usage of the demo. */
async function simulate(api: Api, config: Schemas["Config"]): Promise<Schemas["Simulation"]> {
  const body: Schemas["SimulationBody"] = {
    candidate_config_version_id: config.config_version_id,
    historical_window_days: "mocked",
  };
  const run = done(await api.POST("/api/simulations", { body }));
  console.log("revenue", run.outputs?.economics.candidate?.revenue_usd, "USD");
  return run;
}

/** The decision to let it take effect now. */
async function approve(api: Api, run: Schemas["Simulation"]): Promise<Schemas["Decided"]> {
  const answer = await api.POST("/api/approve", {
    body: {
      config_version_id: run.candidate_config_version_id,
      simulation_run_id: run.simulation_run_id,
      effective_at: run.created_at, // in the past: at once
      approver_name: "Ada",
      approver_role: "Founder",
      rationale: "Twenty minutes are enough to see what they are worth.",
    },
  });
  console.log("in request", answer.response.headers.get("X-Request-Id"));
  return done(answer);
}

/** The document that the customer app holds customers to; asked again, it has not changed. */
async function enforce(api: Api): Promise<Schemas["AvsConfig"]> {
  const first = await api.GET("/api/runtime/config", { params: { query: SUBJECT } });
  const etag = first.response.headers.get("ETag") ?? "";
  const again = await api.GET("/api/runtime/config", {
    params: { query: SUBJECT, header: { "If-None-Match": etag } },
  });
  if (again.response.status !== 304) {
    throw new Error(`Expected 304, not ${again.response.status}`);
  }
  return done(first);
}

/** What the app tells back: a customer reached the first threshold. */
async function report(api: Api, document: Schemas["AvsConfig"]): Promise<Schemas["EnforcementReceipt"]> {
  const threshold = document.rails.usage_thresholds[0];
  if (threshold === undefined) {
    throw new Error("The document has no threshold.");
  }
  const event: Schemas["RailWarningShownEvent"] = {
    enforcement_event_id: "evt_second_warning",
    workspace_id: WORKSPACE,
    customer_id: "cust_2",
    config_version_id: document.config_version_id,
    occurred_at: new Date().toISOString(),
    event_type: "rail_warning_shown",
    context: { percent: threshold.percent, action: threshold.action },
  };
  return done(await api.POST("/api/enforcement-events", { body: [event] }));
}

const [url, token] = process.argv.slice(2);
const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
const api: Api = createClient<paths>({ baseUrl: url ?? "http://127.0.0.1:5000", headers });
const run = await simulate(api, await author(api));
const decision = await approve(api, run);
const receipt = await report(api, await enforce(api));
const detail = done(
  await api.GET("/api/decision-records/{decision_id}", { params: { path: { decision_id: decision.decision_id } } }),
);
console.log("accepted", receipt.accepted, "event; of the decision", detail.evidence.events);
