// What is painted on a picture: a list of steps, drawn on a canvas, undone and redone.

const LONGEST_SIDE = 2048;
const COLOUR = "#ff3d1f";
const INSIDE = 128;
/** A line without a length is not drawn. */
const DAB = 0.01;

/**
 * A mask at the picture's ratio. Painted pixels are opaque, all others transparent; sizes and
 * points of steps are in pixels of the canvas. Events: `change`.
 */
export class Mask extends EventTarget {
  #steps = [];
  #undone = [];
  #ink;

  constructor(width, height) {
    super();
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.scale = this.canvas.width / width;
    this.#ink = this.canvas.getContext("2d", { willReadFrequently: true });
  }

  get canUndo() {
    return this.#steps.length > 0;
  }

  get canRedo() {
    return this.#undone.length > 0;
  }

  /** The UUID of the one mask that this is, if it is just that. */
  get soleUUID() {
    const start = this.#steps.findLastIndex((step) => step.kind === "clear") + 1;
    const [only, ...others] = this.#steps.slice(start);
    return only?.kind === "stamp" && others.length === 0 ? only.uuid : "";
  }

  /** Draw the last part of a stroke that is still being made. */
  extend(stroke) {
    this.#draw({ kind: "stroke", ...stroke, from: stroke.points.length - 1 });
  }

  /** Keep a stroke whose parts are drawn. */
  finish(stroke) {
    this.#keep({ kind: "stroke", ...stroke });
  }

  /** Take back the parts of a stroke that is not to be. */
  cancel() {
    this.#redraw();
  }

  /** Do a step: {kind: "invert" | "clear"}, a stroke, or a stamp of an alpha image with its UUID. */
  apply(step) {
    this.#draw(step);
    this.#keep(step);
  }

  undo() {
    if (!this.canUndo) return;
    this.#undone.push(this.#steps.pop());
    this.#redraw();
  }

  redo() {
    if (!this.canRedo) return;
    const step = this.#undone.pop();
    this.#steps.push(step);
    this.#draw(step);
    this.#changed();
  }

  /** Whether nothing is painted. */
  get isEmpty() {
    const { data } = this.#pixels();
    for (let at = 3; at < data.length; at += 4) if (data[at] >= INSIDE) return false;
    return true;
  }

  /** As a task wants it: white is painted, black is not. */
  toDataURI() {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [this.canvas.width, this.canvas.height];
    const context = copy.getContext("2d");
    const pixels = this.#pixels();
    const { data } = pixels;
    for (let at = 0; at < data.length; at += 4) {
      data[at] = data[at + 1] = data[at + 2] = data[at + 3] >= INSIDE ? 255 : 0;
      data[at + 3] = 255;
    }
    context.putImageData(pixels, 0, 0);
    return copy.toDataURL("image/png");
  }

  #pixels() {
    return this.#ink.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  #keep(step) {
    this.#steps.push(step);
    this.#undone = [];
    this.#changed();
  }

  #redraw() {
    this.#ink.clearRect(0, 0, this.canvas.width, this.canvas.height);
    for (const step of this.#steps) this.#draw(step);
    this.#changed();
  }

  #draw(step) {
    const { width, height } = this.canvas;
    const ink = this.#ink;
    ink.save();
    ink.fillStyle = ink.strokeStyle = COLOUR;
    if (step.kind === "clear") ink.clearRect(0, 0, width, height);
    else if (step.kind === "stamp") ink.drawImage(step.image, 0, 0, width, height);
    else if (step.kind === "invert") {
      ink.globalCompositeOperation = "xor";
      ink.fillRect(0, 0, width, height);
    } else this.#stroke(step);
    ink.restore();
  }

  /** One piece for each point, as while it was made: drawn again it is the same to the pixel. */
  #stroke({ points, size, isRubbing, from = 0 }) {
    const ink = this.#ink;
    ink.globalCompositeOperation = isRubbing ? "destination-out" : "source-over";
    ink.lineWidth = size;
    ink.lineCap = ink.lineJoin = "round";
    for (let place = from; place < points.length; place += 1) {
      const [x, y] = points[place];
      ink.beginPath();
      ink.moveTo(...points[Math.max(0, place - 1)]);
      ink.lineTo(x, y + DAB);
      ink.stroke();
    }
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** Make an image that can be stamped of a grey picture: its brightness becomes the alpha. */
export async function stampOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(COLOUR.slice(at, at + 2), 16));
  const { data } = pixels;
  for (let at = 0; at < data.length; at += 4) {
    const isInside = data[at] >= INSIDE;
    data.set([red, green, blue, isInside ? 255 : 0], at);
  }
  context.putImageData(pixels, 0, 0);
  bitmap.close();
  return canvas;
}
