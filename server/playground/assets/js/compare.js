// A picture and what became of it: side by side under a slider, or one of the two.

import { h } from "./dom.js";

const REVEAL_MS = 900;
const PAGE = 10;
const quiet = matchMedia("(prefers-reduced-motion: reduce)");
let view = "compare";
let isActualSize = false;

/** Whether the two can lie over each other. */
export const isComparable = (picture, run) => {
  const [width, height] = [picture.width, picture.height];
  return Math.abs(width * run.height - height * run.width) <= Math.max(width, height);
};

const fit = (width, height, ...children) =>
  h("div", { class: isActualSize ? "fit actual" : "fit", style: { "--ratio": width / height, "--width": `${width}px` } }, children);

/** Show a result that is done; `isFresh` slides it open. */
export function comparison(picture, run, isFresh) {
  const views = isComparable(picture, run) ? ["compare", "result", "original"] : ["result", "original"];
  const shown = views.includes(view) ? view : "result";
  const stage = h("div", { class: "view" });
  const draw = (name) => {
    const isOriginal = name === "original";
    if (name === "compare") stage.replaceChildren(fit(picture.width, picture.height, slider(picture, run, isFresh)));
    else stage.replaceChildren(isOriginal
      ? fit(picture.width, picture.height, h("img", { src: picture.url, alt: `${picture.name}, as it was` }))
      : fit(run.width, run.height, h("img", { class: "result", src: run.url, alt: `${picture.name}, the result` })));
  };
  draw(shown);
  return { stage, controls: controls(views, shown, (name) => { view = name; draw(name); }) };
}

function controls(views, shown, choose) {
  const current = () => (views.includes(view) ? view : "result");
  const names = { compare: "Compare", result: "Result", original: "Original" };
  const inputs = views.map((name) => h("label", {},
    h("input", { type: "radio", name: "view", value: name, checked: name === shown, on: { change: () => choose(name) } }),
    h("span", {}, names[name])));
  const size = h("button", { type: "button", class: "plain", "aria-pressed": String(isActualSize), title: "One pixel for each of the picture's",
    on: { click: () => {
      isActualSize = !isActualSize;
      size.setAttribute("aria-pressed", String(isActualSize));
      choose(current());
    } } }, "1:1");
  return [h("fieldset", { class: "segments inline" }, h("legend", { class: "unseen" }, "View"), h("div", {}, inputs)), size];
}

/** The slider of vendor/img-comparison-slider, with what screen readers and keys need besides. */
function slider(picture, run, isFresh) {
  const element = h("img-comparison-slider", { role: "slider", "aria-label": "Compare: the original is on the left, the result on the right",
    "aria-valuemin": "0", "aria-valuemax": "100", tabindex: "0" },
    h("img", { slot: "first", src: picture.url, alt: "" }),
    h("img", { slot: "second", class: "result", src: run.url, alt: "" }),
    h("span", { slot: "handle", class: "handle" }));
  const tell = () => {
    element.setAttribute("aria-valuenow", String(Math.round(element.value)));
    element.setAttribute("aria-valuetext", `${Math.round(element.value)} % original`);
  };
  const jumps = { Home: () => 0, End: () => 100, PageUp: () => element.value + PAGE, PageDown: () => element.value - PAGE };
  element.addEventListener("slide", tell);
  element.addEventListener("keydown", (event) => {
    if (!jumps[event.key]) return;
    event.preventDefault();
    element.value = Math.min(100, Math.max(0, jumps[event.key]()));
    tell();
  });
  if (isFresh && !quiet.matches) reveal(element, tell);
  tell();
  return element;
}

/** Open the result once, from right to left, as a wire would cut. */
function reveal(element, tell) {
  const start = performance.now();
  let isTouched = false;
  for (const act of ["pointerdown", "touchstart", "keydown"]) element.addEventListener(act, () => (isTouched = true), { once: true });
  const step = (now) => {
    const part = Math.min(1, (now - start) / REVEAL_MS);
    if (isTouched || !(element.isConnected || part === 0)) return;
    element.value = 100 - 50 * (1 - (1 - part) ** 3);
    tell();
    if (part < 1) requestAnimationFrame(step);
  };
  element.value = 100;
  requestAnimationFrame(step);
}
