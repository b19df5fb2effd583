// The large view of the selected picture: empty, waiting, painted on, failed, or done.

import { Brush } from "./brush.js";
import { comparison } from "./compare.js";
import { asset, h, icon, iconButton } from "./dom.js";
import { Mask } from "./mask.js";
import { loadRegions, regionButtons, regionPicker } from "./regions.js";
import { fileName, save } from "./results.js";
import { FINDER, wordsOfTask } from "./words.js";

const STATES = { waiting: "Waiting its turn", uploading: "Uploading", running: "Working" };

/** Draws into `element`; `acts` are what its buttons do: pick, sample, choose, find, erase, retry, continueWith, edit. */
export class Stage {
  #key = "";
  #brush = null;
  #seen = new WeakSet();

  constructor(element, gallery, form, runner, acts) {
    Object.assign(this, { element, gallery, form, runner, acts });
  }

  /** Draw again if what is to be seen is another than what is. */
  draw() {
    const picture = this.gallery.selected;
    const run = picture?.run ?? null;
    const isPainting = picture && this.isPainting(picture);
    const key = [picture?.id, isPainting, run?.taskUUID, run?.state, isPainting && this.#found(picture)?.taskUUID].join();
    if (key === this.#key) return;
    this.#key = key;
    this.#brush?.release();
    this.#brush = null;
    if (!picture) this.element.replaceChildren(this.#empty());
    else if (isPainting) this.#paint(picture, run);
    else this.#show(picture, run);
  }

  /** Whether the mask of this picture is being painted: until its task runs, and when asked for. */
  isPainting(picture) {
    if (!this.form.needsMask) return false;
    const { run } = picture;
    return picture.isEditing || run?.taskType !== this.form.taskType || run.state === "failed";
  }

  #empty() {
    const [title, more] = matchMedia("(hover: none)").matches
      ? ["Start with a picture", "or with many at once. PNG, JPEG or WEBP."]
      : ["Drop pictures here", "or paste them, many at once. PNG, JPEG or WEBP."];
    return h("div", { class: "empty" },
      h("div", { class: "empty-art", "aria-hidden": "true" }, h("img", { src: asset("sample.webp"), alt: "" }), h("span", { class: "wire" })),
      h("h2", {}, title),
      h("p", {}, more),
      h("div", { class: "row" },
        h("button", { type: "button", class: "primary", on: { click: this.acts.pick } }, icon("image-plus"), "Choose pictures"),
        h("button", { type: "button", class: "plain", on: { click: this.acts.sample } }, "Try with a sample")));
  }

  #show(picture, run) {
    const parts = [this.#bar(picture, run)];
    if (run?.state === "done" && run.blob) parts.push(...this.#result(picture, run));
    else parts.push(this.#still(picture, run));
    if (run?.state === "failed") parts.push(this.#failure(picture, run));
    this.element.replaceChildren(...parts.filter(Boolean));
  }

  #bar(picture, run) {
    this.controls = h("div", { class: "row" });
    const again = this.form.needsMask && !this.isPainting(picture) && h("button", { type: "button", class: "plain", on: { click: () => this.acts.edit(picture) } }, icon("brush"), "Edit mask");
    const isDone = run?.state === "done" && run.blob;
    return h("div", { class: "stage-bar" },
      h("h2", { class: "title", title: picture.name }, h("span", {}, picture.name), h("small", {}, `${picture.width} × ${picture.height}`)),
      this.#history(picture),
      this.controls,
      h("div", { class: "row end" }, again,
        isDone && run.taskType !== FINDER && iconButton("image-plus", "Go on with the result", () => this.acts.continueWith(picture, run)),
        isDone && h("button", { type: "button", class: "plain", "aria-label": "Download", on: { click: () => save(run.url, fileName(picture, run)) } },
          icon("download"), h("span", { class: "wide" }, "Download"))));
  }

  /** The runs of this picture, if there are several. */
  #history(picture) {
    if (picture.runs.length < 2) return null;
    const options = picture.runs.map((run, place) =>
      h("option", { value: place, selected: run === picture.run }, `${place + 1}. ${wordsOfTask(run.taskType).label}`));
    const list = h("select", { "aria-label": "Run", on: { change: () => this.acts.choose(picture, picture.runs[list.value]) } }, options);
    return list;
  }

  #result(picture, run) {
    const isFresh = !this.#seen.has(run);
    this.#seen.add(run);
    if (run.taskType === FINDER) return [this.#picker(picture, run)];
    const { stage, controls } = comparison(picture, run, isFresh);
    this.controls.append(...controls);
    return [stage];
  }

  #picker(picture, run) {
    const place = h("div", { class: "picking" }, this.#still(picture, { state: "running" }));
    this.#whenFound(picture, run, (regions, image) =>
      place.replaceWith(regionPicker(picture, regions, image, (picked) => this.acts.erase(picture, picked))));
    return place;
  }

  #still(picture, run) {
    const label = STATES[run?.state];
    return h("div", { class: "view" },
      h("div", { class: label ? "fit busy" : "fit", style: { "--ratio": picture.width / picture.height, "--width": `${picture.width}px` } },
        h("img", { src: picture.url, alt: picture.name }),
        label && h("span", { class: "wire" })),
      label && h("p", { class: "busy-text" }, `${label}…`));
  }

  #failure(picture, run) {
    const { code, message, documentation } = run.error;
    return h("div", { class: "failure", role: "alert" }, icon("circle-alert"),
      h("div", {}, h("strong", {}, code), h("p", {}, message),
        documentation && h("a", { href: documentation, target: "_blank", rel: "noopener" }, "What this means")),
      h("button", { type: "button", class: "plain", on: { click: () => this.acts.retry(picture, run) } }, "Try again"));
  }

  #paint(picture, run) {
    picture.mask ??= new Mask(picture.width, picture.height);
    const find = h("button", { type: "button", class: "plain", on: { click: () => this.acts.find(picture) } }, icon("shapes"), "Find objects");
    this.#brush = new Brush(picture, [find]);
    const finder = picture.runs.findLast((each) => each.taskType === FINDER);
    if (finder && !finder.isOver) {
      find.disabled = true;
      find.lastChild.textContent = "Finding…";
    }
    const found = this.#found(picture);
    const shelf = h("div", { class: "shelf" });
    if (found) this.#whenFound(picture, found, (regions, image) =>
      shelf.replaceChildren(regionButtons(picture, regions, image, (region) =>
        picture.mask.apply({ kind: "stamp", image: region.stamp, uuid: region.uuid }))));
    const isMine = run?.state === "failed" && [this.form.taskType, FINDER].includes(run.taskType);
    this.maskProblem = h("p", { class: "problem", role: "alert", hidden: true });
    picture.mask.addEventListener("change", () => (this.maskProblem.hidden = true));
    this.element.replaceChildren(this.#bar(picture, null), this.#brush.element, shelf, this.maskProblem,
      ...(isMine ? [this.#failure(picture, run)] : []));
  }

  /** Show an error at the mask; tell whether it is being painted. */
  showMaskProblem(message) {
    if (!this.#brush) return false;
    this.maskProblem.textContent = message;
    this.maskProblem.hidden = false;
    return true;
  }

  #found(picture) {
    return picture.runs.findLast((run) => run.taskType === FINDER && run.state === "done");
  }

  async #whenFound(picture, run, act) {
    const image = h("img", { src: picture.url, alt: "" });
    const [regions] = await Promise.all([loadRegions(run, this.runner), image.decode()]);
    act(regions, image);
  }
}
