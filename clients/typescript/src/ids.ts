/** The rule for customers' ids, as AVS Brain has it for every id that others make. */

const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029";
const DIRECTION = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u206f";
const SURROGATE = "\\ud800-\\udfff";
const GIVEN_ID = new RegExp(`^[^${CONTROL}${DIRECTION}${SURROGATE}]{1,200}$`, "u");

/** 1 to 200 characters, none a control or direction character: what AVS Brain takes in usage and in evidence. */
export function isGivenId(text: string): boolean {
  return GIVEN_ID.test(text);
}

/** RangeError for what AVS Brain takes for no customer's id: its use could neither be simulated nor reported. */
export function requireCustomerId(customerId: unknown): void {
  if (typeof customerId !== "string" || !isGivenId(customerId)) {
    throw new RangeError(
      `customerId is ${typeof customerId === "string" ? JSON.stringify(customerId) : String(customerId)}: it must be a ` +
        "text of 1 to 200 characters, none of them a control or direction character",
    );
  }
}
