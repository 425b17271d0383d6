/** What becomes of a value unit that the config does not have: most often a name that was misspelt. */
import { type Decision, outsideConfig } from "./decide.js";
import { UnknownUnit } from "./errors.js";
import type { Plan } from "./plan.js";
import type { ProblemLog } from "./types.js";

export type UnknownUnitPolicy = "deny" | "allow" | "raise";

const PRODUCTION = "production";
/** How many unknown units are named in the problem. */
const MOST_NAMED = 20;
const OUTCOMES: Readonly<Record<UnknownUnitPolicy, string>> = {
  deny: "their use is denied",
  allow: "nothing limits their use",
  raise: "calls about them throw",
};

/** `policy` null: denied in production, where a name must not be misspelt, else allowed. */
export class UnknownUnits {
  private readonly policy: UnknownUnitPolicy;
  private readonly names = new Set<string>();

  constructor(
    policy: UnknownUnitPolicy | null,
    targetEnvironment: string,
    private readonly problems: ProblemLog,
  ) {
    this.policy = policy ?? (targetEnvironment === PRODUCTION ? "deny" : "allow");
    if (!Object.hasOwn(OUTCOMES, this.policy)) {
      throw new RangeError(
        `unknownUnit is ${this.policy}: allowed are ${Object.keys(OUTCOMES).join(", ")}, or nothing`,
      );
    }
  }

  /** What to do about a unit without pools; one that the config has is not governed. Throws UnknownUnit where told to. */
  decision(plan: Plan, valueUnitId: string): Decision {
    const outside = outsideConfig(plan);
    if (isIn(plan, valueUnitId)) {
      return outside;
    }
    this.tell(plan, valueUnitId);
    if (this.policy === "raise") {
      throw new UnknownUnit(`Config ${plan.configVersionId} has no value unit ${JSON.stringify(valueUnitId)}.`);
    }
    return this.policy === "allow" ? outside : { ...outside, allow: false, action: "block" };
  }

  /** Names it in the problems: what was used is counted, whatever it is called; only somebody must hear of it. */
  tell(plan: Plan, valueUnitId: string): void {
    if (isIn(plan, valueUnitId) || this.names.has(valueUnitId) || this.names.size >= MOST_NAMED) {
      return;
    }
    this.names.add(valueUnitId);
    const names = [...this.names].map((name) => JSON.stringify(name)).join(", ");
    const text = `Config ${plan.configVersionId} has no value units ${names}: ${OUTCOMES[this.policy]}.`;
    this.problems.begin("unknown_unit", text);
  }
}

function isIn(plan: Plan, valueUnitId: string): boolean {
  return plan.units.has(valueUnitId) || plan.document.units.some((unit) => unit.valueUnitId === valueUnitId);
}
