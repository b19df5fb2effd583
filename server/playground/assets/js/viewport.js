// Which part of a picture is seen, and how large: zoom and pan of one layer in one frame.

const MOST = 16;
const ROOM = 40;

/** Moves `layer`, which has the picture's own size, inside `frame`. Events: `change`. */
export class Viewport extends EventTarget {
  scale = 1;
  #x = 0;
  #y = 0;
  #isFitted = true;

  constructor(frame, layer, width, height) {
    super();
    Object.assign(this, { frame, layer, width, height });
    layer.style.width = `${width}px`;
    layer.style.height = `${height}px`;
    this.resizing = new ResizeObserver(() => (this.#isFitted ? this.fit() : this.#place()));
    this.resizing.observe(frame);
  }

  release() {
    this.resizing.disconnect();
  }

  /** Show all of it. */
  fit() {
    this.scale = this.#whole;
    this.#isFitted = true;
    this.#x = this.#y = Infinity;
    this.#place();
  }

  /** Zoom by a factor, round a point of the window; round the middle if there is none. */
  zoom(factor, at = null) {
    const box = this.frame.getBoundingClientRect();
    const [left, top] = at ? [at.x - box.left, at.y - box.top] : [box.width / 2, box.height / 2];
    const scale = Math.min(MOST, Math.max(this.#whole, this.scale * factor));
    const ratio = scale / this.scale;
    this.#x = left - (left - this.#x) * ratio;
    this.#y = top - (top - this.#y) * ratio;
    this.scale = scale;
    this.#isFitted = scale === this.#whole;
    this.#place();
  }

  /** Move by so many pixels of the window. */
  pan(dx, dy) {
    this.#x += dx;
    this.#y += dy;
    this.#place();
  }

  get isZoomed() {
    return !this.#isFitted;
  }

  /** The picture's pixel at a point of the window. */
  toPicture({ x, y }) {
    const box = this.frame.getBoundingClientRect();
    return [(x - box.left - this.#x) / this.scale, (y - box.top - this.#y) / this.scale];
  }

  /** Where a pixel of the picture is in the frame. */
  toFrame([x, y]) {
    return [x * this.scale + this.#x, y * this.scale + this.#y];
  }

  get #whole() {
    const { clientWidth, clientHeight } = this.frame;
    return Math.min(clientWidth / this.width, clientHeight / this.height) || 1;
  }

  #place() {
    this.#x = held(this.#x, this.frame.clientWidth, this.width * this.scale);
    this.#y = held(this.#y, this.frame.clientHeight, this.height * this.scale);
    this.layer.style.transform = `translate(${this.#x}px, ${this.#y}px) scale(${this.scale})`;
    this.dispatchEvent(new Event("change"));
  }
}

/** Keep a side in the frame: centred while it is smaller, a little past its ends at most if not. */
function held(at, room, length) {
  if (length <= room + 0.5) return (room - length) / 2;
  return Math.min(ROOM, Math.max(room - length - ROOM, at));
}
