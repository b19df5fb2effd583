// One control for each type of field. A control is {element, focus, read, write, inputs}.

import { h } from "./dom.js";

const LONG_RANGE = 5000;

/** Make the control of a field; `onInput` is called with the new value. */
export function control(field, words, id, onInput) {
  if (field.name === "model") return choice(field, words, id, onInput, ["", ...field.choices]);
  if (field.type === "boolean") return toggle(field, words, id, onInput);
  if (field.type === "colour") return colour(field, words, id, onInput);
  if (field.type === "choice") return segments(field, words, id, onInput);
  if (field.type === "string") return text(field, words, id, onInput);
  return number(field, words, id, onInput);
}

const caption = (words, id) =>
  h("label", { for: id }, words.label, words.unit && h("span", { class: "unit" }, ` ${words.unit}`));

function toggle(field, words, id, onInput) {
  const input = h("input", { type: "checkbox", id, role: "switch", on: { change: () => onInput(input.checked) } });
  return {
    element: h("label", { class: "switch" }, input, h("span", {}, words.label)),
    inputs: [input],
    write: (value) => (input.checked = Boolean(value)),
  };
}

function text(field, words, id, onInput) {
  const input = h("input", { type: "text", id, maxLength: field.maxLength ?? 2048, on: { input: () => onInput(input.value) } });
  return {
    element: h("div", {}, caption(words, id), input),
    inputs: [input],
    write: (value) => (input.value = value ?? ""),
  };
}

function number(field, words, id, onInput) {
  const step = words.step ?? (field.type === "integer" ? 1 : 0.01);
  const tell = () => onInput(exact.value === "" ? undefined : Number(exact.value));
  const exact = h("input", { type: "number", id, step, min: field.min, max: field.max, inputMode: "decimal",
    on: { input: () => { slider.value = exact.value; tell(); } } });
  const slider = h("input", { type: "range", step, min: field.min ?? 0, max: words.soft ?? field.max ?? 100, tabIndex: -1,
    "aria-hidden": "true", on: { input: () => { exact.value = slider.value; tell(); } } });
  const isRange = field.max - field.min <= LONG_RANGE;
  return {
    element: h("div", { class: "number" }, caption(words, id), exact, isRange && slider),
    inputs: [exact],
    write: (value) => {
      exact.value = value ?? "";
      slider.value = value ?? 0;
    },
  };
}

function choice(field, words, id, onInput, values) {
  const input = h("select", { id, on: { change: () => onInput(input.value || undefined) } },
    values.map((value) => h("option", { value }, value || "Default")));
  return {
    element: h("div", {}, caption(words, id), input),
    inputs: [input],
    write: (value) => (input.value = value ?? ""),
  };
}

function segments(field, words, id, onInput) {
  const choices = [...field.choices].sort((one, other) => (other === field.default) - (one === field.default));
  const inputs = choices.map((value) =>
    h("input", { type: "radio", name: id, value, id: `${id}-${value}`, on: { change: () => onInput(value) } }));
  const labels = inputs.map((input) =>
    h("label", {}, input, h("span", {}, words.names?.[input.value] ?? input.value)));
  return {
    element: h("fieldset", { class: "segments" }, h("legend", {}, words.label), h("div", {}, labels)),
    inputs,
    write: (value) => inputs.forEach((input) => (input.checked = input.value === value)),
  };
}

const toHex = (rgb) => `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
const fromHex = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

/** No colour at all, or a colour with an opacity, which goes out as a fraction. */
function colour(field, words, id, onInput) {
  const tell = () => {
    more.hidden = !on.checked;
    onInput(on.checked ? [...fromHex(hue.value), Number(opacity.value) / 100] : undefined);
  };
  const on = h("input", { type: "checkbox", role: "switch", id, on: { change: tell } });
  const hue = h("input", { type: "color", value: "#ffffff", "aria-label": `${words.label}: colour`, on: { input: tell } });
  const opacity = h("input", { type: "range", min: 0, max: 100, value: 100, "aria-label": `${words.label}: opacity in percent`, on: { input: tell } });
  const more = h("div", { class: "colour" }, hue, opacity);
  return {
    element: h("div", {}, h("label", { class: "switch" }, on, h("span", {}, `${words.label} colour`)), more),
    inputs: [on, hue, opacity],
    write: (value) => {
      on.checked = Boolean(value);
      more.hidden = !value;
      if (!value) return;
      hue.value = toHex(value.slice(0, 3));
      opacity.value = Math.round(value[3] * 100);
    },
  };
}
