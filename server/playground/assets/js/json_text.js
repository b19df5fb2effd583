// JSON for people: indented, long data shortened, coloured.

import { h } from "./dom.js";

const LONGEST = 120;
const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|\b(true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Indented; strings longer than a line or two keep their beginning and say their length. */
export const shortened = (value) =>
  JSON.stringify(value, (_, part) => (typeof part === "string" && part.length > LONGEST ? cut(part) : part), 2);

const cut = (text) => `${text.slice(0, 48)}… (${text.length.toLocaleString("en")} characters)`;

/** The text with keys, strings, numbers and words in elements of their own. */
export function coloured(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKEN)) {
    const [token, string, colon, word] = match;
    parts.push(text.slice(end, match.index));
    if (string) parts.push(h("span", { class: colon ? "key" : "string" }, string), colon ?? "");
    else parts.push(h("span", { class: word ? "word" : "digits" }, token));
    end = match.index + token.length;
  }
  return [...parts, text.slice(end)];
}
