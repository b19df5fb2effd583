// Wires the parts together.

import "../vendor/img-comparison-slider/index.js";
import { TaskClient } from "./client.js";
import { $, announce, asset, icon, toast } from "./dom.js";
import { TaskForm } from "./form.js";
import { Inspector } from "./inspector.js";
import { Intake } from "./intake.js";
import { KeyDialog, knownKey } from "./key_dialog.js";
import { Mask } from "./mask.js";
import { Gallery, readPicture } from "./pictures.js";
import { fileName, save } from "./results.js";
import { Runner } from "./runner.js";
import { snippets } from "./snippets.js";
import { Stage } from "./stage.js";
import { Strip } from "./strip.js";
import * as theme from "./theme.js";
import { FINDER, money, seconds, wordsOfTask } from "./words.js";

const BASE = new URL(".", document.baseURI).href;
const STATES = {
  offline: "Not connected",
  connecting: "Connecting…",
  online: "Connected",
  refused: "Key refused",
};

const description = await (await fetch(asset("tasks.json"))).json();
const socket = new URL("v1", BASE);
socket.protocol = socket.protocol.replace("http", "ws");
const client = new TaskClient(socket.href, description.limits.messageBytes);
const gallery = new Gallery();
const form = new TaskForm(description);
const runner = new Runner(client, gallery, onEnd);
const inspector = new Inspector($("#inspector"));
const keyDialog = new KeyDialog((key) => client.connect(key));
const intake = new Intake(onPicture);
const strip = new Strip($("#strip"), gallery, intake.pick);
const stage = new Stage($("#stage"), gallery, form, runner, {
  pick: intake.pick,
  sample: intake.sample,
  find: (picture) => start(picture, FINDER, {}),
  erase: eraseRegions,
  retry: (picture, run) => (run.taskType === form.taskType ? runOn([picture]) : start(picture, run.taskType, {})),
  choose: (picture, run) => {
    picture.choose(run);
    picture.isEditing = false;
    form.choose(run.taskType);
  },
  edit: (picture) => {
    picture.isEditing = true;
    draw();
  },
  continueWith,
});

/** A new picture is worked on at once, unless something must be painted first. */
function onPicture(picture, isFirst) {
  gallery.add(picture);
  if (isFirst) gallery.select(picture);
  if (!form.needsMask) runOn([picture]);
}

function runOn(pictures) {
  form.clearProblems();
  for (const picture of pictures) {
    const parameters = form.parameters();
    if (form.needsMask) {
      if (!picture.mask || picture.mask.isEmpty) {
        stage.showMaskProblem("Nothing is painted yet: paint over what should go, or pick an object.");
        continue;
      }
      parameters.maskImage = picture.mask.soleUUID || picture.mask.toDataURI();
    }
    start(picture, form.taskType, parameters);
  }
}

function start(picture, taskType, parameters) {
  picture.isEditing = false;
  if (client.state === "offline" || client.state === "refused") keyDialog.ask();
  runner.run(picture, taskType, parameters);
}

function onEnd(run, picture) {
  const name = `${picture.name}: ${wordsOfTask(run.taskType).label}`;
  if (run.state === "done") {
    announce(`${name} done in ${seconds(run.tookMs)}`);
    return;
  }
  announce(`${name} failed. ${run.error.message}`);
  if (picture !== gallery.selected || run.taskType !== form.taskType) return;
  if (run.error.parameter === "maskImage") stage.showMaskProblem(run.error.message);
  else form.showProblem(run.error);
}

function eraseRegions(picture, regions) {
  picture.mask = new Mask(picture.width, picture.height);
  for (const { stamp, uuid } of regions) picture.mask.apply({ kind: "stamp", image: stamp, uuid });
  picture.isEditing = true;
  form.choose("imageErase");
}

async function continueWith(picture, run) {
  const next = await readPicture(run.blob, fileName(picture, run));
  next.uuid = run.reply.imageUUID;
  gallery.add(next);
  gallery.select(next);
}

function draw() {
  const picture = gallery.selected;
  const isPainting = picture && stage.isPainting(picture);
  stage.draw();
  strip.draw();
  const done = gallery.pictures.filter(({ run }) => run?.state === "done" && run.blob);
  $("#download-all").hidden = done.length < 2;
  $("#download-all").replaceChildren(icon("download"), `Download all ${done.length}`);
  $("#spent").textContent = gallery.spent ? money(gallery.spent) : "";
  drawActions(picture);
  drawInspector(picture, isPainting);
}

function drawActions(picture) {
  const others = gallery.pictures.length;
  $("#run").replaceChildren(icon(form.words.icon), form.words.verb);
  $("#run").disabled = !picture;
  $("#run-all").hidden = others < 2 || form.needsMask;
  $("#run-all").textContent = `Run on all ${others}`;
}

function drawInspector(picture, isPainting) {
  const run = isPainting || picture?.run?.taskType !== form.taskType ? null : picture.run;
  const parameters = form.parameters();
  if (form.needsMask) parameters.maskImage = run?.request?.maskImage ?? "…";
  const request = run?.request ?? {
    taskType: form.taskType,
    taskUUID: "…",
    inputImage: picture?.uuid || "…",
    includeCost: true,
    ...parameters,
  };
  const file = picture?.name ?? "cat.jpg";
  inspector.show({ request, run, snippets: snippets({ taskType: form.taskType, parameters, file, base: BASE }) });
}

function onState({ detail: error }) {
  $("#status").dataset.state = client.state;
  $("#status-text").textContent = STATES[client.state];
  if (client.state === "refused") keyDialog.ask(error?.message ?? "");
}

gallery.addEventListener("change", draw);
form.addEventListener("change", draw);
client.addEventListener("state", onState);
client.addEventListener("fault", ({ detail }) => toast(detail.message, "error"));
$("#panel").addEventListener("submit", (event) => {
  event.preventDefault();
  if (gallery.selected) runOn([gallery.selected]);
});
$("#run-all").addEventListener("click", () => runOn(gallery.pictures));
$("#download-all").addEventListener("click", () => {
  for (const picture of gallery.pictures) {
    if (picture.run?.state === "done" && picture.run.blob) save(picture.run.url, fileName(picture, picture.run));
  }
});
$("#key-button").addEventListener("click", () => keyDialog.ask());
$("#theme-button").addEventListener("click", theme.toggle);
theme.watch(() => {
  const other = theme.current() === "dark" ? "light" : "dark";
  $("#theme-button").replaceChildren(icon(other === "dark" ? "moon" : "sun"));
  $("#theme-button").setAttribute("aria-label", `Use the ${other} theme`);
  $("#theme-button").title = `Use the ${other} theme`;
});
addEventListener("beforeunload", (event) => client.pending && event.preventDefault());

/** Log in with the key that is known, also when an address with a key is opened in this very tab. */
function logIn() {
  const key = knownKey();
  if (!key) {
    keyDialog.ask();
    return;
  }
  keyDialog.close();
  client.connect(key);
}

addEventListener("hashchange", () => location.hash.startsWith("#key=") && logIn());
draw();
logIn();
