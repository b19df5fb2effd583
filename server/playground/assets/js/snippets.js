// The task as code: for the official SDKs where they have a method for it, plain HTTP where not.

import { COMMON } from "./words.js";

const REMOVAL = "removeBackground";
const PYTHON_DIRECT = ["outputType", "outputFormat", "outputQuality", "model"];
const JS_METHODS = { removeBackground: "removeImageBackground", imageMasking: "imageMasking" };
const ALIAS = "runware:109@1";

/** What each snippet needs: the task, its parameters, the picture's file name, our address. */
export function snippets({ taskType, parameters, file, base }) {
  const { maskImage, ...settings } = parameters;
  const told = { taskType, settings, file, base, mask: maskImage ? "mask.png" : "" };
  return { python: python(told), javascript: javascript(told), curl: curl(told) };
}

const socketURL = (base) => `${base.replace(/^http/, "ws")}v1`;
const isCommon = (name) => COMMON.some((known) => known.split(".")[0] === name);

function python(told) {
  const { settings, file, base } = told;
  const unsupported = Object.keys(settings).some((name) => isCommon(name) && !PYTHON_DIRECT.includes(name));
  if (told.taskType !== REMOVAL || unsupported) return pythonOverHttp(told);
  const direct = Object.entries(settings).filter(([name]) => isCommon(name));
  const own = Object.entries(settings).filter(([name]) => !isCommon(name));
  const lines = [
    `inputImage=${quoted(file)},`,
    ...direct.map(([name, value]) => `${name}=${literal(value)},`),
    ...(own.length ? [`settings=${literal(Object.fromEntries(own))},`] : []),
    "includeCost=True,",
  ];
  return `# pip install runware
import asyncio
import os

from runware import IImageBackgroundRemoval, Runware


async def main() -> None:
    client = Runware(api_key=os.environ["CUTWIRE_KEY"], url=${quoted(socketURL(base))})
    await client.connect()
    (result,) = await client.imageBackgroundRemoval(
        IImageBackgroundRemoval(
${lines.map((line) => `            ${line}`).join("\n")}
        )
    )
    print(result.imageURL, result.cost)
    await client.disconnect()


asyncio.run(main())
`;
}

function pythonOverHttp({ taskType, settings, file, base, mask }) {
  const fields = [
    `"taskType": ${quoted(taskType)},`,
    `"taskUUID": str(uuid.uuid4()),`,
    `"inputImage": image(${quoted(file)}),`,
    ...(mask ? [`"maskImage": image(${quoted(mask)}),`] : []),
    `"includeCost": True,`,
    ...Object.entries(settings).map(([name, value]) => `${quoted(name)}: ${literal(value)},`),
  ];
  return `# The SDK has no method for this task: the same over HTTP (pip install httpx).
import base64
import os
import uuid
from pathlib import Path

import httpx


def image(path: str) -> str:
    return base64.b64encode(Path(path).read_bytes()).decode()


task = {
${fields.map((line) => `    ${line}`).join("\n")}
}
answer = httpx.post(
    ${quoted(`${base}v1`)},
    headers={"Authorization": f"Bearer {os.environ['CUTWIRE_KEY']}"},
    json=[task],
    timeout=120,
)
print(answer.json())
`;
}

function javascript(told) {
  const { taskType, settings, file, base } = told;
  const method = JS_METHODS[taskType];
  if (!method) return javascriptOverHttp(told);
  return `// npm install @runware/sdk-js
import { readFileSync } from "node:fs";
import { RunwareServer } from "@runware/sdk-js";

const client = await RunwareServer.initialize({
  apiKey: process.env.CUTWIRE_KEY,
  url: ${quoted(socketURL(base))},
});
const result = await client.${method}({
  inputImage: \`data:${mediaType(file)};base64,\${readFileSync(${quoted(file)}, "base64")}\`,
${fieldsOf({ model: ALIAS, ...forJs(taskType, settings) }, "  ")}
  includeCost: true,
});
console.log(result);
await client.disconnect();
`;
}

/** The SDK takes a removal's own settings in an object of that name. */
function forJs(taskType, settings) {
  if (taskType !== REMOVAL) return settings;
  const own = Object.entries(settings).filter(([name]) => !isCommon(name));
  const common = Object.fromEntries(Object.entries(settings).filter(([name]) => isCommon(name)));
  return own.length ? { ...common, settings: Object.fromEntries(own) } : common;
}

function javascriptOverHttp({ taskType, settings, file, base, mask }) {
  const fields = fieldsOf(settings, "  ");
  return `// The SDK has no method for this task: the same over HTTP (Node 18 or newer).
import { readFileSync } from "node:fs";

const image = (path) => readFileSync(path, "base64");

const task = {
  taskType: ${quoted(taskType)},
  taskUUID: crypto.randomUUID(),
  inputImage: image(${quoted(file)}),${mask ? `\n  maskImage: image(${quoted(mask)}),` : ""}
  includeCost: true,${fields && `\n${fields}`}
};
const answer = await fetch(${quoted(`${base}v1`)}, {
  method: "POST",
  headers: {
    Authorization: \`Bearer \${process.env.CUTWIRE_KEY}\`,
    "Content-Type": "application/json",
  },
  body: JSON.stringify([task]),
});
console.log(await answer.json());
`;
}

function curl({ taskType, settings, file, base, mask }) {
  const fields = [
    `"taskType": ${quoted(taskType)}`,
    `"taskUUID": "$(uuidgen)"`,
    `"inputImage": "${inlined(file)}"`,
    ...(mask ? [`"maskImage": "${inlined(mask)}"`] : []),
    `"includeCost": true`,
    ...Object.entries(settings).map(([name, value]) => `${quoted(name)}: ${escaped(JSON.stringify(value))}`),
  ];
  return `curl ${base}v1 \\
  -H "Authorization: Bearer $CUTWIRE_KEY" \\
  -H "Content-Type: application/json" \\
  --data-binary @- <<JSON
[{${fields.join(",\n  ")}}]
JSON
`;
}

const quoted = (text) => JSON.stringify(text);
const fieldsOf = (object, indent) =>
  Object.entries(object).map(([name, value]) => `${indent}${name}: ${JSON.stringify(value)},`).join("\n");
const shell = (text) => `'${text.replaceAll("'", "'\\''")}'`;
const inlined = (file) => `$(base64 < ${shell(file)} | tr -d '\\n')`;
/** What a here-document would take for its own is taken literally. */
const escaped = (text) => text.replace(/[\\$`]/g, "\\$&");

const mediaType = (file) => {
  const extension = file.split(".").at(-1).toLowerCase();
  return { png: "image/png", webp: "image/webp" }[extension] ?? "image/jpeg";
};

/** A JSON value as Python writes it. */
function literal(value) {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (value && typeof value === "object") {
    return `{${Object.entries(value).map(([name, part]) => `${quoted(name)}: ${literal(part)}`).join(", ")}}`;
  }
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}
