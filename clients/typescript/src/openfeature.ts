/**
 * An OpenFeature server provider: units, pools and rails as flags. Import it from `avs-brain-client/openfeature`; it needs
 * the package `@openfeature/server-sdk`.
 *
 * The targeting key is the customer_id. Every flag can be asked for as several types:
 *
 * | flag | boolean | string | number | object |
 * |---|---|---|---|---|
 * | `unit.<value_unit_id>` | may go on | action, or "none" | allowance left | the whole decision |
 * | `pool.<pool_id>` | has something left | "open" or "empty" | what is left | available, drawn, remaining |
 * | `rail.monthly_spend_cap_usd` | not exceeded | its action, or "none" | the cap in USD | cap, spend, action |
 * | `rail.usage_thresholds` | none reached | severest action, or "none" | highest percentage | percentages by unit |
 *
 * `unit` flags decide about the context attribute `quantity` (1 when there is none). Numbers are for showing: an
 * OpenFeature number is not exact, the decisions behind it are. The variant is what the string is; `flagMetadata` has
 * reason_code, threshold, remaining and config_version_id as texts, where there are any.
 */
import {
  ErrorCode,
  type EvaluationContext,
  FlagNotFoundError,
  InvalidContextError,
  type JsonValue,
  type Logger,
  OpenFeatureEventEmitter,
  type Provider,
  ProviderEvents,
  ProviderNotReadyError,
  type ResolutionDetails,
  StandardResolutionReasons,
  TargetingKeyMissingError,
  type TrackingEventDetails,
  TypeMismatchError,
} from "@openfeature/server-sdk";

import type { Client, Status } from "./client.js";
import { Decimal } from "./decimal.js";
import type { Document } from "./document.js";
import { messageOf } from "./http.js";
import type { GivenEvent } from "./metering.js";
import { unscaled } from "./numbers.js";
import type { Statement } from "./statement.js";
import type { State } from "./types.js";

const READY_SECONDS = 10;
/** Actions, from the mildest on. */
const SEVERITY = ["none", "warn", "degrade_quality", "throttle", "require_approval", "block"];

/** One flag as every type that it can be asked for; `number` null: it has none. */
interface Value {
  readonly truth: boolean;
  readonly text: string;
  readonly number: Decimal | null;
  readonly document: { [name: string]: JsonValue };
  readonly metadata: Readonly<Record<string, string | Decimal | null>>;
}

export interface AvsProviderOptions {
  /** How long to wait for the first config before defaults hold; 10 unless said. */
  readonly readySeconds?: number;
}

/**
 * Answers from a client, in process. The SDK starts and closes the client with the provider.
 *
 * `initialize` waits for the first config; without one the provider is in error, and defaults hold, until it arrives. A
 * config that grows stale makes it stale, one that expires puts it in error; it goes on answering as the config says for
 * then.
 */
export class AvsProvider implements Provider {
  readonly metadata = { name: "avs-brain-client" } as const;
  readonly runsOn = "server" as const;
  readonly events = new OpenFeatureEventEmitter();
  private told: State | null = null;
  private versionId: string | null = null;
  private unwatch: () => void = () => undefined;

  constructor(
    private readonly client: Client,
    private readonly options: AvsProviderOptions = {},
  ) {}

  async initialize(): Promise<void> {
    const { readySeconds = READY_SECONDS } = this.options;
    this.unwatch = this.client.onChange((status) => this.changed(status));
    this.client.start();
    const loaded = await this.client.waitUntilLoaded(readySeconds);
    this.told = loaded ? "fresh" : "never_loaded";
    this.versionId = this.client.status.configVersionId;
    if (!loaded) {
      throw new ProviderNotReadyError(`There is no config after ${readySeconds} seconds.`);
    }
  }

  async onClose(): Promise<void> {
    this.told = null;
    this.unwatch();
    await this.client.close();
  }

  /**
   * `unit.<value_unit_id>` records the value (1 without one), once per attribute `event_id`; every other name is a usage
   * event of that type, with the attributes for its dimensions. Counting goes on after this returns; a failure is logged.
   */
  track(name: string, context: EvaluationContext, details: TrackingEventDetails): void {
    this.counted(name, context, details).catch((problem: unknown) => {
      this.client.log("error", `OpenFeature's ${name} was not counted: ${messageOf(problem)}`);
    });
  }

  async resolveBooleanEvaluation(
    flagKey: string,
    _default: boolean,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<boolean>> {
    const value = await this.value(flagKey, context);
    return this.details(value.truth, value);
  }

  async resolveStringEvaluation(
    flagKey: string,
    _default: string,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<string>> {
    const value = await this.value(flagKey, context);
    return this.details(value.text, value);
  }

  async resolveNumberEvaluation(
    flagKey: string,
    _default: number,
    context: EvaluationContext,
  ): Promise<ResolutionDetails<number>> {
    const value = await this.value(flagKey, context);
    if (value.number === null) {
      throw new TypeMismatchError(`${flagKey} has no number: no pool of the config names it.`);
    }
    return this.details(value.number.toNumber(), value);
  }

  async resolveObjectEvaluation<T extends JsonValue>(
    flagKey: string,
    _default: T,
    context: EvaluationContext,
    _logger: Logger,
  ): Promise<ResolutionDetails<T>> {
    const value = await this.value(flagKey, context);
    return this.details(value.document as T, value);
  }

  private details<T>(value: T, of: Value): ResolutionDetails<T> {
    const { TARGETING_MATCH, STALE } = StandardResolutionReasons;
    const told = Object.entries(of.metadata).flatMap(([name, text]) => (text === null ? [] : [[name, String(text)]]));
    const reason = this.client.state === "fresh" ? TARGETING_MATCH : STALE;
    return { value, reason, variant: of.text, flagMetadata: Object.fromEntries(told) };
  }

  private async counted(name: string, context: EvaluationContext, details: TrackingEventDetails): Promise<void> {
    const customerId = customerOf(context);
    const { value = 1, ...attributes } = details;
    if (name.startsWith("unit.")) {
      const { event_id: eventId } = attributes;
      const options = eventId === undefined ? {} : { eventId: String(eventId) };
      await this.client.record(customerId, name.slice("unit.".length), Decimal.of(String(value)), options);
      return;
    }
    await this.client.recordEvent({ ...attributes, event_type: name, customer_id: customerId } as GivenEvent);
  }

  /** That it is ready for the first time is told by the SDK itself. */
  private changed({ state, configVersionId }: Status): void {
    if (this.told === null) {
      return;
    }
    if (this.versionId !== null && configVersionId !== this.versionId) {
      this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged: this.flags() });
    }
    this.versionId = configVersionId;
    if (state !== this.told) {
      this.told = state;
      this.tell(state);
    }
  }

  private tell(state: State): void {
    if (state === "fresh") {
      this.events.emit(ProviderEvents.Ready);
    } else if (state === "stale") {
      this.events.emit(ProviderEvents.Stale, { message: "AVS Brain has not confirmed the config lately." });
    } else {
      const message = "The config is older than it may be: rails fail as it says.";
      this.events.emit(ProviderEvents.Error, { message, errorCode: ErrorCode.GENERAL });
    }
  }

  /** All that the config has, for any of them may be another now. */
  private flags(): string[] {
    const { document } = this.client;
    const units = document?.units.map((unit) => `unit.${unit.valueUnitId}`) ?? [];
    const pools = document?.pools.map((pool) => `pool.${pool.poolId}`) ?? [];
    return [...units, ...pools, ...Object.keys(RAILS).map((name) => `rail.${name}`)];
  }

  private async value(flagKey: string, context: EvaluationContext): Promise<Value> {
    const customerId = customerOf(context);
    const { document } = this.client;
    if (document === null) {
      throw new ProviderNotReadyError("There is no config yet.");
    }
    const [kind = "", name = ""] = [flagKey.split(".", 1)[0], flagKey.slice(flagKey.indexOf(".") + 1)];
    if (kind === "unit" && document.units.some((unit) => unit.valueUnitId === name)) {
      return this.unit(customerId, name, context);
    }
    if (kind === "pool") {
      return poolValue(document, await this.client.usage(customerId), name);
    }
    if (kind === "rail" && Object.hasOwn(RAILS, name)) {
      return RAILS[name as keyof typeof RAILS](document, await this.client.usage(customerId));
    }
    throw notFound(flagKey, document);
  }

  private async unit(customerId: string, name: string, context: EvaluationContext): Promise<Value> {
    const { quantity = 1 } = context as { quantity?: unknown };
    if (typeof quantity !== "number" || !Number.isSafeInteger(quantity) || quantity < 0) {
      throw new InvalidContextError(`quantity is ${String(quantity)}: it must be a whole number that is not negative`);
    }
    const { allow, action, reasonCode, poolId, remaining, threshold, configVersionId } = await this.client.check(
      customerId,
      name,
      quantity,
    );
    const metadata = { reason_code: reasonCode, threshold, remaining, config_version_id: configVersionId };
    const text = action ?? "none";
    const texts = {
      pool_id: poolId ?? "",
      remaining: String(remaining ?? ""),
      config_version_id: configVersionId ?? "",
    };
    const whole = { allow, action: text, reason_code: reasonCode, ...texts };
    return { truth: allow, text, number: remaining, document: whole, metadata };
  }
}

function customerOf({ targetingKey }: EvaluationContext): string {
  if (!targetingKey) {
    throw new TargetingKeyMissingError("The targeting key is the customer_id: without it there is no decision.");
  }
  return targetingKey;
}

function notFound(flagKey: string, { configVersionId }: Document): FlagNotFoundError {
  const rails = Object.keys(RAILS).map((name) => `rail.${name}`);
  return new FlagNotFoundError(
    `${flagKey} is none of unit.<id>, pool.<id>, ${rails.join(", ")} of config ${configVersionId}.`,
  );
}

function poolValue(document: Document, { units }: Statement, name: string): Value {
  const pool = [...units.values()].flatMap((unit) => unit.pools).find((one) => one.poolId === name);
  if (pool === undefined) {
    throw notFound(`pool.${name}`, document);
  }
  const { available, drawn } = pool;
  const remaining = available.plus(Decimal.normal(-drawn.digits, drawn.exponent));
  const isOpen = remaining.sign > 0;
  return {
    truth: isOpen,
    text: isOpen ? "open" : "empty",
    number: remaining,
    document: { available: String(available), drawn: String(drawn), remaining: String(remaining) },
    metadata: { remaining, config_version_id: document.configVersionId },
  };
}

function spendCap(document: Document, { spendUsd }: Statement): Value {
  const { spendCap: cap, atCapAction } = document.rails;
  if (cap === null) {
    throw new FlagNotFoundError(`Config ${document.configVersionId} has no spend cap.`);
  }
  const [number, action] = [unscaled(cap), atCapAction ?? "none"];
  const exceeded = spendUsd.compare(number) > 0;
  return {
    truth: !exceeded,
    text: exceeded ? action : "none",
    number,
    document: { cap: String(number), spend: String(spendUsd), action },
    metadata: { reason_code: exceeded ? "spend_cap" : null, config_version_id: document.configVersionId },
  };
}

function usageThresholds(document: Document, { units }: Statement): Value {
  const reached = [...units].filter(([, unit]) => unit.reached.length > 0);
  const percents = reached.flatMap(([, unit]) => unit.reached);
  const highest = percents.reduce((one, other) => (one.compare(other) > 0 ? one : other), Decimal.of(0));
  const actions = document.rails.thresholds
    .filter(({ percent }) => percents.length > 0 && percent.compare(highest) <= 0)
    .map(({ action }) => action as string);
  const isReached = percents.length > 0;
  return {
    truth: !isReached,
    text: actions.reduce((one, other) => (SEVERITY.indexOf(other) > SEVERITY.indexOf(one) ? other : one), "none"),
    number: highest,
    document: Object.fromEntries(reached.map(([name, unit]) => [name, unit.reached.map(String)])),
    metadata: {
      reason_code: isReached ? "usage_threshold" : null,
      threshold: isReached ? highest : null,
      config_version_id: document.configVersionId,
    },
  };
}

const RAILS = { monthly_spend_cap_usd: spendCap, usage_thresholds: usageThresholds };
