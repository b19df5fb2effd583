// The masks that imageMasking found: shown on the picture, picked, handed on.

import { h, icon } from "./dom.js";
import { stampOf } from "./mask.js";

const THUMB = 56;

/** Fetch every region's own mask, once: {uuid, stamp, box, confidence, area}. */
export function loadRegions(run, runner) {
  run.regions ??= Promise.all(run.reply.detections.map(async (found) => ({
    uuid: found.maskImageUUID,
    stamp: await stampOf(await runner.maskPicture(found.maskImageUUID)),
    box: found.boundingBox,
    confidence: found.confidence,
    area: found.area,
  })));
  return run.regions;
}

/** A region's part of the picture, small. */
function thumbnail(image, { stamp, box }) {
  const [width, height] = [box.xMax - box.xMin, box.yMax - box.yMin];
  const scale = Math.min(THUMB / width, THUMB / height) * devicePixelRatio;
  const canvas = h("canvas", { width: Math.max(1, width * scale), height: Math.max(1, height * scale) });
  const context = canvas.getContext("2d");
  const from = [box.xMin, box.yMin, width, height];
  context.drawImage(stamp, ...from, 0, 0, canvas.width, canvas.height);
  context.globalCompositeOperation = "source-in";
  context.drawImage(image, ...from, 0, 0, canvas.width, canvas.height);
  canvas.style.width = `${canvas.width / devicePixelRatio}px`;
  return canvas;
}

const describe = (region, place, picture) => {
  const share = (100 * region.area) / (picture.width * picture.height);
  return `Region ${place + 1}: ${Math.round(region.confidence * 100)} % sure, ${share.toFixed(share < 1 ? 1 : 0)} % of the picture`;
};

/** Buttons that each add a region to the mask that is being painted. */
export function regionButtons(picture, regions, image, add) {
  return h("div", { class: "regions", role: "group", "aria-label": "Found regions" },
    regions.map((region, place) => h("button", { type: "button", class: "region", title: describe(region, place, picture),
      "aria-label": `Add ${describe(region, place, picture)}`, on: { click: () => add(region) } },
      thumbnail(image, region), icon("plus"))));
}

/** The picture with its regions to pick from; `onErase` gets those that were picked. */
export function regionPicker(picture, regions, image, onErase) {
  const picked = new Set();
  const erase = h("button", { type: "button", class: "primary", disabled: true,
    on: { click: () => onErase(regions.filter((_, place) => picked.has(place))) } }, icon("eraser"), "Erase picked");
  const layers = regions.map(({ stamp }) => Object.assign(stamp, { className: "region-layer" }));
  const toggle = (place) => {
    const isPicked = !picked.delete(place);
    if (isPicked) picked.add(place);
    layers[place].classList.toggle("picked", isPicked);
    buttons[place].setAttribute("aria-pressed", String(isPicked));
    erase.disabled = picked.size === 0;
  };
  const buttons = regions.map((region, place) => h("button", { type: "button", class: "region", "aria-pressed": "false",
    "aria-label": describe(region, place, picture), title: describe(region, place, picture),
    on: {
      click: () => toggle(place),
      pointerenter: () => layers[place].classList.add("near"),
      pointerleave: () => layers[place].classList.remove("near"),
      focus: () => layers[place].classList.add("near"),
      blur: () => layers[place].classList.remove("near"),
    } }, thumbnail(image, region)));
  const fit = h("div", { class: "fit picker", style: { "--ratio": picture.width / picture.height, "--width": `${picture.width}px` } },
    h("img", { src: picture.url, alt: picture.name, draggable: false }), layers);
  const at = (event) => smallestAt(regions, picture, fit, event);
  fit.addEventListener("click", (event) => at(event) >= 0 && toggle(at(event)));
  fit.addEventListener("pointermove", (event) => {
    const near = at(event);
    layers.forEach((layer, place) => layer.classList.toggle("near", place === near));
  });
  fit.addEventListener("pointerleave", () => layers.forEach((layer) => layer.classList.remove("near")));
  const none = regions.length === 0 && h("p", { class: "hint" }, "No region was found.");
  return h("div", { class: "picking" },
    h("div", { class: "view" }, fit),
    h("div", { class: "tools" }, h("div", { class: "regions", role: "group", "aria-label": "Found regions" }, buttons, none), erase));
}

/** Which region is meant by a click: the smallest of those under it. */
function smallestAt(regions, picture, fit, event) {
  const area = fit.getBoundingClientRect();
  const x = Math.floor(((event.clientX - area.left) / area.width) * picture.width);
  const y = Math.floor(((event.clientY - area.top) / area.height) * picture.height);
  const under = regions.map((region, place) => ({ ...region, place })).filter(({ stamp }) =>
    stamp.getContext("2d", { willReadFrequently: true }).getImageData(x, y, 1, 1).data[3] > 0);
  under.sort((one, other) => one.area - other.area);
  return under[0]?.place ?? -1;
}
