/** JSON with exact numbers, both ways: digits are never lost to a double, and no key is taken twice. */
import { Decimal } from "./decimal.js";

/** What JSON holds: whole numbers as bigint, others as Decimal, objects as maps, so that no key is special. */
export type Json = null | boolean | string | bigint | Decimal | readonly Json[] | JsonObject;
export type JsonObject = ReadonlyMap<string, Json>;

/** What `exactJson` writes: as `Json`, and plain objects and safe whole numbers beside it. */
export type Writable =
  | null
  | boolean
  | string
  | bigint
  | number
  | Decimal
  | readonly Writable[]
  | ReadonlyMap<string, Writable>
  | { readonly [key: string]: Writable };

const DEEPEST = 200;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const BLANK = /[ \t\n\r]*/y;
const WORDS: ReadonlyMap<string, null | boolean> = new Map([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** The value of a JSON text, numbers exact; SyntaxError for anything else, a key that is there twice included. */
export function parseExact(text: string): Json {
  return new Reader(text).document();
}

/** The JSON text of a value, keys in their order and every character ASCII: the same bytes as AVS Brain's clients. */
export function exactJson(value: Writable): string {
  if (typeof value === "string") {
    return asciiText(value);
  }
  if (typeof value === "number" && !Number.isSafeInteger(value)) {
    throw new TypeError(`${value} is no exact number: use a Decimal`);
  }
  if (value === null || typeof value !== "object" || value instanceof Decimal) {
    return String(value);
  }
  if (Array.isArray(value)) {
    return `[${value.map(exactJson).join(",")}]`;
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value as Record<string, Writable>);
  return `{${entries.map(([key, item]) => `${asciiText(key)}:${exactJson(item)}`).join(",")}}`;
}

const PLAIN = /^[ !#-[\]-~]*$/;

/** A JSON text literal in ASCII alone. */
export function asciiText(text: string): string {
  if (PLAIN.test(text)) {
    return `"${text}"`;
  }
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Reads one text from its beginning; `at` is where it is. */
class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): Json {
    const value = this.value(0);
    this.blanks();
    return this.at === this.text.length ? value : this.refuse("more than one value");
  }

  private value(depth: number): Json {
    if (depth > DEEPEST) {
      this.refuse(`more than ${DEEPEST} levels`);
    }
    this.blanks();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      default:
        return this.numberOrWord();
    }
  }

  private object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.listed("}", () => {
      this.blanks();
      const key = this.string();
      if (members.has(key)) {
        this.refuse(`the key ${JSON.stringify(key)} twice`);
      }
      this.blanks();
      this.skip(":");
      members.set(key, this.value(depth + 1));
    });
    return members;
  }

  private array(depth: number): Json[] {
    const items: Json[] = [];
    this.listed("]", () => items.push(this.value(depth + 1)));
    return items;
  }

  /** What stands between a bracket and its `end`, with commas between. */
  private listed(end: string, item: () => void): void {
    this.at += 1;
    this.blanks();
    if (this.text[this.at] === end) {
      this.at += 1;
      return;
    }
    for (;;) {
      item();
      this.blanks();
      if (this.text[this.at] === end) {
        this.at += 1;
        return;
      }
      this.skip(",");
    }
  }

  private string(): string {
    const literal = this.match(STRING) ?? this.refuse("no text where one must be");
    return JSON.parse(literal[0]) as string;
  }

  private numberOrWord(): Json {
    const number = this.match(NUMBER);
    if (number !== null) {
      return number[1] === undefined && number[2] === undefined ? BigInt(number[0]) : Decimal.of(number[0]);
    }
    for (const [word, value] of WORDS) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.refuse("no value where one must be");
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    this.at = found === null ? this.at : pattern.lastIndex;
    return found;
  }

  private blanks(): void {
    this.match(BLANK);
  }

  private skip(character: string): void {
    if (this.text[this.at] !== character) {
      this.refuse(`no ${character}`);
    }
    this.at += 1;
  }

  private refuse(problem: string): never {
    throw new SyntaxError(`The JSON has ${problem} at character ${this.at}.`);
  }
}
