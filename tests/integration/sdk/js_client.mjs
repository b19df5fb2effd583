// Drives the official JavaScript SDK against a service; prints one JSON object: what it saw.
// node js_client.mjs FOLDER WS_URL KEY PICTURE: the SDK is taken from FOLDER/node_modules,
// PICTURE is a data URI.
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const [folder, url, apiKey, pictureFile] = process.argv.slice(2);
const picture = readFileSync(pictureFile, "utf8");
const home = path.join(folder, "node_modules", "@runware", "sdk-js", "dist", "index.js");
const { RunwareServer } = await import(pathToFileURL(home).href);

const connect = (options = {}) =>
  RunwareServer.initialize({ apiKey, url, timeoutDuration: 60000, globalMaxRetries: 1, ...options });
const refusal = (attempt) => attempt.then(() => ({}), (reason) => reason.error ?? String(reason));

const told = {};
const client = await connect();
const remove = (options) =>
  client.removeImageBackground({ model: "runware:109@1", inputImage: picture, ...options });

told.session = client._connectionSessionUUID;
const uploaded = await client.imageUpload({ image: picture });
told.upload = uploaded;
told.uploadAsInput = await remove({ inputImage: uploaded.imageUUID });
told.nested = await remove({ inputImage: undefined, inputs: { image: picture } });
told.settings = await remove({ settings: { returnOnlyMask: true }, outputFormat: "PNG" });
told.cost = (await remove({ includeCost: true })).cost;
const uuids = Array.from({ length: 8 }, () => randomUUID());
const results = await Promise.all(uuids.map((taskUUID) => remove({ taskUUID })));
told.eight = results.map((result, place) => result.taskUUID === uuids[place]);
[told.firstError, told.secondError] = await Promise.all([
  refusal(remove({ outputFormat: "TIFF" })),
  refusal(remove({ outputQuality: 5 })),
]);
told.async = await remove({ deliveryMethod: "async" });
const taskUUID = randomUUID();
await remove({ taskUUID });
told.conflict = await refusal(remove({ taskUUID }));
client._ws.terminate();
told.afterADrop = await remove({});
await client.disconnect();
told.wrongKey = await refusal(connect({ apiKey: "wrong", shouldReconnect: false }));
console.log(JSON.stringify(told));
process.exit(0);
