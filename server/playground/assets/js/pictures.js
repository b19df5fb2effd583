// The pictures of this visit, what was run on each, and which one is looked at.

const THUMB = 160;
let count = 0;

/** One picture and its runs. `uuid` is its name at the service, once it was uploaded. */
export class Picture {
  id = ++count;
  runs = [];
  mask = null;
  picks = null;
  uuid = "";

  constructor(blob, name, { width, height, thumb }) {
    this.blob = blob;
    this.name = name;
    this.width = width;
    this.height = height;
    this.thumb = thumb;
    this.url = URL.createObjectURL(blob);
  }

  /** The last run, or the one that was chosen. */
  get run() {
    return this.runs.find((run) => run.isChosen) ?? this.runs.at(-1) ?? null;
  }

  /** Show this run. */
  choose(run) {
    for (const each of this.runs) each.isChosen = each === run;
  }

  release() {
    URL.revokeObjectURL(this.url);
    URL.revokeObjectURL(this.thumb);
    for (const run of this.runs) run.release();
  }
}

/** One task on one picture. States: waiting, uploading, running, done, failed. */
export class Run {
  state = "waiting";
  isChosen = false;
  request = null;
  reply = null;
  error = null;
  blob = null;
  url = "";
  thumb = "";
  width = 0;
  height = 0;
  startedAt = 0;
  tookMs = 0;

  constructor(taskUUID, taskType) {
    this.taskUUID = taskUUID;
    this.taskType = taskType;
  }

  get isOver() {
    return this.state === "done" || this.state === "failed";
  }

  release() {
    if (!this.blob) return;
    URL.revokeObjectURL(this.url);
    URL.revokeObjectURL(this.thumb);
  }
}

/** Events: `change` with the picture that changed, or null when the list or the selection did. */
export class Gallery extends EventTarget {
  pictures = [];
  selected = null;

  add(picture) {
    this.pictures.push(picture);
    this.selected ??= picture;
    this.changed(null);
  }

  select(picture) {
    this.selected = picture;
    this.changed(null);
  }

  remove(picture) {
    const place = this.pictures.indexOf(picture);
    this.pictures.splice(place, 1);
    if (this.selected === picture) this.selected = this.pictures[Math.min(place, this.pictures.length - 1)] ?? null;
    picture.release();
    this.changed(null);
  }

  changed(picture) {
    this.dispatchEvent(new CustomEvent("change", { detail: picture }));
  }

  /** What all replies said that they cost, in USD. */
  get spent() {
    return this.pictures.flatMap((picture) => picture.runs).reduce((sum, run) => sum + (run.reply?.cost ?? 0), 0);
  }
}

/** Read a file as a picture; rejects if the browser cannot decode it. */
export async function readPicture(file, name = file.name) {
  return new Picture(file, name || "pasted.png", await look(file));
}

/** Decode a picture once, for its size and a small copy of it. */
export async function look(blob) {
  const bitmap = await createImageBitmap(blob);
  const { width, height } = bitmap;
  const scale = Math.min(1, THUMB / Math.max(width, height));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height].map((side) => Math.max(1, Math.round(side * scale)));
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const small = await new Promise((resolve) => canvas.toBlob(resolve));
  return { width, height, thumb: URL.createObjectURL(small) };
}
