/** Names that nobody else makes, without asking the system for chance each time. */
import { randomBytes } from "node:crypto";

const BEGINNING = randomBytes(9).toString("hex");
let made = 0;

/** A name of hexadecimal digits: a beginning drawn by chance for this process, and a number. */
export function freshName(): string {
  made += 1;
  return `${BEGINNING}${made.toString(16).padStart(8, "0")}`;
}
