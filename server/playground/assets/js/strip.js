// The row of all pictures: what each looks like now, how far it is, and which one is selected.

import { h, icon } from "./dom.js";
import { FINDER, wordsOfTask } from "./words.js";

const STATES = { waiting: "waiting", uploading: "uploading", running: "working", done: "done", failed: "failed" };
const MARKS = { new: null, done: "check", failed: "circle-alert" };

/** Draws the list; an item is made anew only when it looks different. */
export class Strip {
  #items = new Map();

  constructor(element, gallery, pick) {
    Object.assign(this, { element, gallery });
    this.adder = h("li", { class: "thumb adder" },
      h("button", { type: "button", class: "thumb-pick", "aria-label": "Add pictures", title: "Add pictures", on: { click: pick } }, icon("plus")));
    element.append(this.adder);
  }

  draw() {
    const { pictures } = this.gallery;
    this.element.parentElement.hidden = pictures.length === 0;
    for (const [picture, { element }] of this.#items) {
      if (pictures.includes(picture)) continue;
      element.remove();
      this.#items.delete(picture);
    }
    for (const picture of pictures) this.#refresh(picture);
  }

  #refresh(picture) {
    const { run } = picture;
    const isSelected = picture === this.gallery.selected;
    const key = [isSelected, run?.taskUUID, run?.state].join();
    const known = this.#items.get(picture);
    if (known?.key === key) return;
    const element = this.#item(picture, run, isSelected);
    const hadFocus = known?.element.contains(document.activeElement);
    if (known) known.element.replaceWith(element);
    else this.adder.before(element);
    this.#items.set(picture, { key, element });
    if (hadFocus) element.firstChild.focus();
  }

  #item(picture, run, isSelected) {
    const said = run ? `${picture.name}: ${wordsOfTask(run.taskType).label}, ${STATES[run.state]}` : picture.name;
    const state = run?.state ?? "new";
    return h("li", { class: "thumb", data: { state } },
      h("button", { type: "button", class: "thumb-pick", "aria-current": isSelected && "true", "aria-label": said, title: said,
        on: { click: () => this.gallery.select(picture) } },
        h("img", { src: (run?.taskType !== FINDER && run?.thumb) || picture.thumb, alt: "" }), mark(state)),
      h("button", { type: "button", class: "thumb-remove", "aria-label": `Remove ${picture.name}`, title: "Remove",
        on: { click: () => this.gallery.remove(picture) } }, icon("x")));
  }
}

function mark(state) {
  const name = state in MARKS ? MARKS[state] : "loader-circle";
  return name && h("span", { class: `mark ${state in MARKS ? state : "busy"}` }, icon(name));
}
