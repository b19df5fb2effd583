// What tasks and their fields are called here, and how they hang together. Fields that are not
// listed are still shown, under names made from their wire names.

/** The task whose result is not a picture but masks to pick from. */
export const FINDER = "imageMasking";

/** Words of a task: `verb` stands on the button. */
const TASKS = {
  removeBackground: { label: "Cut out", icon: "scissors", verb: "Remove background", about: "Cuts out the subject, or returns its mask." },
  imageForegroundCrop: { label: "Crop", icon: "crop", verb: "Cut out and crop", about: "Cuts out the subject and crops tightly round it." },
  imageProductCutout: { label: "Product", icon: "package", verb: "Cut out product", about: "Cuts out a product, tightly cropped, thin parts kept." },
  imageBackgroundBlur: { label: "Blur", icon: "droplets", verb: "Blur background", about: "Keeps the subject and blurs what is behind it." },
  imageErase: { label: "Erase", icon: "eraser", verb: "Erase", about: "Paint over what should go. Everything else stays bit for bit as it is." },
  imageMasking: { label: "Find masks", icon: "shapes", verb: "Find masks", about: "Finds the objects of a picture, to pick from and to erase." },
};

const isMatting = (values) => Boolean(values.alphaMatting);
const isLossy = (values, form) => (values.outputFormat ?? form.defaults.outputFormat) !== "PNG";

/** Words of a field: `when` tells whether it has a meaning beside the others' values. */
const FIELDS = {
  rgba: { label: "Background", hint: "Lies behind the soft edge." },
  postProcessMask: { label: "Clean the mask", hint: "Takes away specks, closes pinholes, smooths the edge." },
  returnOnlyMask: { label: "Mask only", hint: "White is the subject." },
  alphaMatting: { label: "Alpha matting", hint: "Solves for hair and fur. Slower, and dearer." },
  alphaMattingForegroundThreshold: { label: "Foreground above", when: isMatting },
  alphaMattingBackgroundThreshold: { label: "Background below", when: isMatting },
  alphaMattingErodeSize: { label: "Unknown band", hint: "Pixels between the two that matting decides.", when: isMatting },
  padding: { label: "Padding", unit: "px", hint: "Round the subject, on each side.", soft: 200 },
  sku: { label: "SKU", hint: "Your own number of the product." },
  forceBackgroundDetection: { label: "Detect even with alpha", hint: "Looks for the subject although the picture has an alpha of its own." },
  preserveAlpha: { label: "Keep the picture's alpha" },
  scale: { label: "Strength" },
  maskType: { label: "Mask", names: { manual: "Painted", automatic: "Exact" }, hint: "Painted: what lies just outside may belong to the object too." },
  maxDetections: { label: "At most" },
  confidence: { label: "Confidence", hint: "Regions less sure than this are left out.", step: 0.01 },
  maskPadding: { label: "Grow", unit: "px", hint: "Negative values shrink." },
  maskBlur: { label: "Soften", unit: "px" },
  outputFormat: { label: "Format" },
  outputQuality: { label: "Quality", when: isLossy },
  outputType: { label: "Delivered as", names: { URL: "URL", base64Data: "Base64", dataURI: "Data URI" } },
  ttl: { label: "URL valid for", unit: "s", hint: "Seconds; as the service is set, if empty." },
  model: { label: "Model" },
  "safety.checkInputs": { label: "Moderate the input" },
  "safety.checkContent": { label: "Moderate the result" },
};

/** Fields that belong under “Output and model”, in this order. */
export const COMMON = ["outputFormat", "outputQuality", "outputType", "ttl", "model", "safety.checkInputs", "safety.checkContent"];

/** Fields that the page fills in by itself, or that make no sense in a browser. */
export const UNSHOWN = new Set(["inputImage", "maskImage", "includeCost", "webhookURL", "uploadEndpoint", "safety.tolerance", "safety.mode"]);

const spaced = (name) => {
  const words = name.split(".").at(-1).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
};

/** Words of a task type, made up if need be. */
export const wordsOfTask = (taskType) =>
  TASKS[taskType] ?? { label: spaced(taskType), icon: "image", verb: spaced(taskType), about: "" };

/** Words of a field, made up if need be. */
export const wordsOfField = (name) => ({ label: spaced(name), ...FIELDS[name] });

/** USD, as short as it can be. */
export const money = (amount) => `$${amount.toFixed(6).replace(/0{1,4}$/, "")}`;

/** A duration. */
export const seconds = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** A file's size. */
export const fileSize = (bytes) => (bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
