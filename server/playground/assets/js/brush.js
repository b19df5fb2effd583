// Painting a mask on a picture: pointer, touch and keys.

import { announce, h, iconButton } from "./dom.js";
import { Viewport } from "./viewport.js";

const SIZES = { min: 4, max: 240, start: 48 };
const WHEEL_ZOOM = 0.0022;
const STEP = 12;
let size = SIZES.start;

/** The brush on one picture and its mask. `element` is what to show; `release` ends it. */
export class Brush {
  #isRubbing = false;
  #pointers = new Map();
  #stroke = null;
  #isPanning = false;
  #at = null;

  constructor(picture, extras = []) {
    this.mask = picture.mask;
    this.picture = picture;
    this.#build(extras);
    this.view = new Viewport(this.frame, this.layer, picture.width, picture.height);
    this.view.addEventListener("change", () => this.#viewChanged());
    this.mask.addEventListener("change", this.#maskChanged);
    this.#listen();
    this.#maskChanged();
  }

  release() {
    this.view.release();
    this.mask.removeEventListener("change", this.#maskChanged);
  }

  #build(extras) {
    this.mask.canvas.className = "mask-ink";
    this.layer = h("div", { class: "layer" },
      h("img", { src: this.picture.url, alt: "", draggable: false }), this.mask.canvas);
    this.cursor = h("div", { class: "cursor", hidden: true });
    this.frame = h("div", { class: "frame", tabIndex: 0, role: "application", style: { "--ratio": this.picture.width / this.picture.height }, "aria-describedby": "brush-help",
      "aria-label": `Mask of ${this.picture.name}` }, this.layer, this.cursor);
    this.help = h("p", { class: "unseen", id: "brush-help" },
      "Arrow keys move the brush, with Shift further; Space paints a dab; X changes between painting and rubbing out; ",
      "square brackets change the size; Control Z undoes; I inverts; plus, minus and zero zoom.");
    this.element = h("div", { class: "brush" }, this.#toolbar(extras), this.frame, this.help);
  }

  #toolbar(extras) {
    this.paint = iconButton("brush", "Paint", () => this.#rub(false));
    this.rubber = iconButton("eraser", "Rub out", () => this.#rub(true));
    this.undo = iconButton("undo-2", "Undo", () => this.mask.undo());
    this.redo = iconButton("redo-2", "Redo", () => this.mask.redo());
    this.slider = h("input", { type: "range", ...SIZES, value: size, "aria-label": "Brush size",
      on: { input: () => this.#resize(Number(this.slider.value)) } });
    this.percent = h("output", { class: "percent" });
    return h("div", { class: "tools", role: "toolbar", "aria-label": "Mask" },
      h("div", { class: "group" }, this.paint, this.rubber, this.slider),
      h("div", { class: "group" }, this.undo, this.redo,
        iconButton("contrast", "Invert", () => this.mask.apply({ kind: "invert" })),
        iconButton("trash-2", "Clear", () => this.mask.apply({ kind: "clear" }))),
      h("div", { class: "group" },
        iconButton("zoom-out", "Zoom out", () => this.view.zoom(1 / 1.5)), this.percent,
        iconButton("zoom-in", "Zoom in", () => this.view.zoom(1.5)),
        iconButton("maximize", "Fit", () => this.view.fit())),
      ...extras);
  }

  #listen() {
    const { frame } = this;
    frame.addEventListener("pointerdown", (event) => this.#down(event));
    frame.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, (event) => this.#up(event));
    frame.addEventListener("pointerleave", () => (this.cursor.hidden = true));
    frame.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    frame.addEventListener("contextmenu", (event) => event.preventDefault());
    frame.addEventListener("keydown", (event) => this.#key(event));
    this.#rub(false);
  }

  #maskChanged = () => {
    this.undo.disabled = !this.mask.canUndo;
    this.redo.disabled = !this.mask.canRedo;
  };

  #rub(isRubbing) {
    this.#isRubbing = isRubbing;
    this.paint.setAttribute("aria-pressed", String(!isRubbing));
    this.rubber.setAttribute("aria-pressed", String(isRubbing));
  }

  #resize(next) {
    size = Math.min(SIZES.max, Math.max(SIZES.min, next));
    this.slider.value = size;
    this.#ring();
  }

  /** The brush is as large on the screen whatever the zoom: zooming in paints finer. */
  get #inkSize() {
    return (size / this.view.scale) * this.mask.scale;
  }

  #ink(point) {
    return this.view.toPicture(point).map((part) => part * this.mask.scale);
  }

  #down(event) {
    this.frame.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (this.#pointers.size === 2) this.#giveUpStroke();
    this.#isPanning = event.button === 1 || event.button === 2;
    if (this.#pointers.size > 1 || this.#isPanning) return;
    const start = this.#ink({ x: event.clientX, y: event.clientY });
    this.#stroke = { points: [start], size: this.#inkSize, isRubbing: this.#isRubbing };
    this.mask.extend(this.#stroke);
  }

  #move(event) {
    this.#hover(event);
    const before = this.#pointers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    if (this.#pointers.size === 2) this.#pinch(event.pointerId, before, now);
    else if (this.#isPanning) this.view.pan(now.x - before.x, now.y - before.y);
    else if (this.#stroke) this.#paint(event.getCoalescedEvents?.() ?? [event]);
    this.#pointers.set(event.pointerId, now);
  }

  #paint(events) {
    for (const { clientX: x, clientY: y } of events) {
      this.#stroke.points.push(this.#ink({ x, y }));
      this.mask.extend(this.#stroke);
    }
  }

  #up(event) {
    this.#pointers.delete(event.pointerId);
    this.#isPanning = false;
    if (this.#stroke) this.mask.finish(this.#stroke);
    this.#stroke = null;
  }

  #giveUpStroke() {
    if (this.#stroke) this.mask.cancel();
    this.#stroke = null;
  }

  #pinch(id, before, now) {
    const [other] = [...this.#pointers].filter(([key]) => key !== id).map(([, point]) => point);
    const gap = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1;
    this.view.zoom(gap(now) / gap(before), { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 });
    this.view.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
  }

  #wheel(event) {
    if (!event.ctrlKey && !event.metaKey && !this.view.isZoomed) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.view.zoom(Math.exp(-event.deltaY * WHEEL_ZOOM), { x: event.clientX, y: event.clientY });
    else this.view.pan(-event.deltaX, -event.deltaY);
  }

  #hover(event) {
    if (event.pointerType === "touch") return;
    this.#at = this.view.toPicture({ x: event.clientX, y: event.clientY });
    this.#ring();
  }

  #viewChanged() {
    this.percent.textContent = `${Math.round(this.view.scale * 100)} %`;
    this.#ring();
  }

  #ring() {
    this.cursor.hidden = !this.#at;
    if (!this.#at) return;
    const [x, y] = this.view.toFrame(this.#at);
    this.cursor.style.width = this.cursor.style.height = `${size}px`;
    this.cursor.style.transform = `translate(${x - size / 2}px, ${y - size / 2}px)`;
  }

  #key(event) {
    const far = (event.shiftKey ? 5 : 1) * STEP;
    const moves = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
    const acts = {
      " ": () => this.#dab(),
      Enter: () => this.#dab(),
      x: () => this.#rub(!this.#isRubbing),
      i: () => this.mask.apply({ kind: "invert" }),
      "[": () => this.#resize(size - 8),
      "]": () => this.#resize(size + 8),
      "+": () => this.view.zoom(1.5),
      "=": () => this.view.zoom(1.5),
      "-": () => this.view.zoom(1 / 1.5),
      0: () => this.view.fit(),
    };
    const isChord = event.ctrlKey || event.metaKey;
    if (isChord && event.key.toLowerCase() === "z") this.mask[event.shiftKey ? "redo" : "undo"]();
    else if (isChord) return;
    else if (moves[event.key]) this.#nudge(moves[event.key]);
    else if (acts[event.key]) acts[event.key]();
    else return;
    event.preventDefault();
  }

  #nudge([dx, dy]) {
    this.#at ??= [this.picture.width / 2, this.picture.height / 2];
    const [x, y] = this.#at;
    this.#at = [
      Math.min(this.picture.width, Math.max(0, x + dx / this.view.scale)),
      Math.min(this.picture.height, Math.max(0, y + dy / this.view.scale)),
    ];
    this.#ring();
    announce(`${Math.round(this.#at[0])}, ${Math.round(this.#at[1])}`);
  }

  #dab() {
    this.#at ??= [this.picture.width / 2, this.picture.height / 2];
    const point = this.#at.map((part) => part * this.mask.scale);
    this.mask.apply({ kind: "stroke", points: [point], size: this.#inkSize, isRubbing: this.#isRubbing });
    this.#ring();
    announce(this.#isRubbing ? "Rubbed out" : "Painted");
  }
}
