// Making and finding elements.

export const $ = (selector, root = document) => root.querySelector(selector);

const ASSETS = new URL("..", import.meta.url);

/** The address of a file that came with the page. */
export const asset = (path) => new URL(path, ASSETS).href;

/**
 * Make an element. Props: `on` holds listeners, `style` custom properties, `data` the dataset,
 * `class` the classes; what the element has as a property is set as one, all else is an attribute.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) set(element, name, value);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

function set(element, name, value) {
  if (value == null || value === false) return;
  if (name === "on") for (const [type, act] of Object.entries(value)) element.addEventListener(type, act);
  else if (name === "style") for (const [key, text] of Object.entries(value)) element.style.setProperty(key, text);
  else if (name === "data") Object.assign(element.dataset, value);
  else if (name === "class") element.className = value;
  else if (name in element && !name.startsWith("aria") && name !== "list") element[name] = value;
  else element.setAttribute(name, value === true ? "" : value);
}

/** One of the icons of vendor/lucide. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  use.setAttribute("href", asset(`vendor/lucide/icons.svg#${name}`));
  svg.append(use);
  return svg;
}

/** A button with an icon; without `text` the label is for screen readers and the tooltip. */
export function iconButton(name, label, act, { text = false, ...props } = {}) {
  const said = text ? {} : { title: label, "aria-label": label };
  const kind = text ? "plain" : "plain square";
  return h("button", { type: "button", class: kind, on: { click: act }, ...said, ...props },
    icon(name), text && h("span", {}, label));
}

/** Say something to screen readers. */
export function announce(text) {
  $("#announcer").textContent = text;
}

/** Show a passing remark. */
export function toast(text, kind = "note") {
  const note = h("p", { class: "toast", data: { kind }, role: kind === "error" ? "alert" : "status" }, text);
  $("#toasts").append(note);
  setTimeout(() => note.remove(), 7000);
}
