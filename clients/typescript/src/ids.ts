/** The rule for customers' ids, as AVS Brain has it for every id that others make. */

const CONTROL = "\\u0000-\\u001f\\u007f-\\u009f\\u2028\\u2029";
const DIRECTION = "\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u206f";
const SURROGATE = "\\ud800-\\udfff";
const GIVEN_ID = new RegExp(`^[^${CONTROL}${DIRECTION}${SURROGATE}]{1,200}$`, "u");

/** 1 to 200 characters, none a control or direction character: what AVS Brain takes in usage and in evidence. */
export function isGivenId(text: string): boolean {
  return GIVEN_ID.test(text);
}
