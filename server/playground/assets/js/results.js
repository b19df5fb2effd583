// From a reply to the bytes of its picture.

/** The field of a reply that brings the picture, if any: URL, base64 data or data URI. */
const FIELDS = ["imageURL", "maskImageURL", "imageDataURI", "maskImageDataURI", "imageBase64Data", "maskImageBase64Data"];
const MEDIA_TYPES = { PNG: "image/png", JPG: "image/jpeg", WEBP: "image/webp" };
const OURS = /\/(im|up)\/[^/]+\/[^/]+$/;

/** Where this page reaches what the service says lies at `url`: the page may know it by another name. */
export function reachable(url) {
  const there = new URL(url);
  const path = there.pathname.match(OURS)?.[0];
  return path ? new URL(`.${path}${there.search}`, document.baseURI).href : url;
}

/** Fetch or decode the picture of a reply; null where it brings none. */
export async function pictureOf(reply, format) {
  const field = FIELDS.find((name) => name in reply);
  if (!field) return null;
  const value = reply[field];
  if (field.endsWith("URL")) {
    const answer = await fetch(reachable(value), { credentials: "omit" });
    if (!answer.ok) throw { code: "downloadFailed", message: `The result could not be fetched: HTTP ${answer.status}.` };
    return answer.blob();
  }
  const [, type, data] = value.match(/^data:([^;]+);base64,(.*)$/s) ?? [null, MEDIA_TYPES[format], value];
  return new Blob([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))], { type });
}

/** A blob as data URI. */
export const dataURI = (blob) =>
  new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(blob);
  });

/** Have the browser save a blob. */
export function save(url, name) {
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
}

const EXTENSIONS = { "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp" };

/** What a run's result is called when it is saved. */
export const fileName = (picture, run) =>
  `${picture.name.replace(/\.[^.]+$/, "")}-${run.taskType}.${EXTENSIONS[run.blob?.type] ?? "png"}`;
