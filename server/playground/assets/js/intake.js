// How pictures come in: dropped, pasted, picked, or the sample.

import { $, asset, toast } from "./dom.js";
import { readPicture } from "./pictures.js";

/** Call `onPicture` with each picture that comes in, and whether it is the first of those that came together. */
export class Intake {
  #onPicture;

  constructor(onPicture) {
    this.#onPicture = onPicture;
    this.picker = $("#picker");
    this.veil = $("#drop-veil");
    this.picker.addEventListener("change", () => this.#takePicked());
    addEventListener("paste", (event) => this.#take(event.clipboardData?.files));
    addEventListener("dragenter", (event) => this.#over(event));
    addEventListener("dragover", (event) => this.#over(event));
    addEventListener("dragleave", (event) => event.relatedTarget || this.#cover(false));
    addEventListener("drop", (event) => this.#drop(event));
  }

  pick = () => this.picker.click();

  /** A scene that docs/build/picture.py draws. */
  sample = async () => {
    const answer = await fetch(asset("sample.webp"));
    this.#onPicture(await readPicture(await answer.blob(), "teapot.webp"), true);
  };

  async #takePicked() {
    await this.#take(this.picker.files);
    this.picker.value = "";
  }

  #over(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.#cover(true);
  }

  #drop(event) {
    this.#cover(false);
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.#take(event.dataTransfer.files);
  }

  #cover(isOver) {
    this.veil.hidden = !isOver;
  }

  async #take(files) {
    let isFirst = true;
    for (const file of [...(files ?? [])]) {
      try {
        this.#onPicture(await readPicture(file), isFirst);
        isFirst = false;
      } catch {
        toast(`${file.name || "What was pasted"} is no picture that this browser can read.`, "error");
      }
    }
  }
}
