// Runs a task on a picture: uploads the picture once, sends the task, fetches the result.

import { newUUID } from "./ids.js";
import { look, Run } from "./pictures.js";
import { dataURI, pictureOf } from "./results.js";

const AT_ONCE = 8;

/** Lets so many through at once, in the order of asking. */
class Slots {
  #free = AT_ONCE;
  #waiting = [];

  async take() {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise((resolve) => this.#waiting.push(resolve));
  }

  give() {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#free += 1;
  }
}

/** Tells the gallery of every change; `onEnd` is called with each run that is over. */
export class Runner {
  #client;
  #gallery;
  #slots = new Slots();

  constructor(client, gallery, onEnd) {
    this.#client = client;
    this.#gallery = gallery;
    this.onEnd = onEnd;
  }

  /** Run a task with these parameters; resolves when it is over, whatever came of it. */
  async run(picture, taskType, parameters) {
    const run = new Run(newUUID(), taskType);
    picture.runs.push(run);
    picture.choose(run);
    const become = (state) => {
      run.state = state;
      this.#gallery.changed(picture);
    };
    become("waiting");
    await this.#slots.take();
    try {
      run.startedAt = performance.now();
      await this.#do(run, picture, parameters, become);
      become("done");
    } catch (error) {
      run.error = error instanceof Error ? { code: "clientError", message: error.message } : error;
      if (run.error.parameter === "inputImage") picture.uuid = "";
      become("failed");
    } finally {
      run.tookMs = performance.now() - run.startedAt;
      this.#slots.give();
    }
    this.#gallery.changed(picture);
    this.onEnd(run, picture);
    return run;
  }

  async #do(run, picture, parameters, become) {
    if (!picture.uuid) {
      become("uploading");
      picture.uuid = await this.#upload(picture);
    }
    const { maskImage, ...others } = parameters;
    run.request = {
      taskType: run.taskType,
      taskUUID: run.taskUUID,
      inputImage: picture.uuid,
      ...(maskImage && { maskImage }),
      includeCost: true,
      ...others,
    };
    become("running");
    run.reply = await this.#client.run(run.request);
    run.blob = await pictureOf(run.reply, run.request.outputFormat ?? "PNG");
    if (!run.blob) return;
    run.url = URL.createObjectURL(run.blob);
    Object.assign(run, await look(run.blob));
  }

  /** Two runs of one picture share its upload. */
  #upload(picture) {
    picture.uploading ??= dataURI(picture.blob)
      .then((image) => this.#client.run({ taskType: "imageUpload", taskUUID: newUUID(), image }))
      .then((reply) => reply.imageUUID)
      .catch((error) => {
        throw error.parameter === "image" ? { ...error, parameter: "inputImage" } : error;
      })
      .finally(() => (picture.uploading = null));
    return picture.uploading;
  }

  /** The picture of a mask that is known by its UUID only. */
  async maskPicture(image) {
    return pictureOf(await this.#client.run({ taskType: "imageUpload", taskUUID: newUUID(), image }), "PNG");
  }
}
