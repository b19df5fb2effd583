import { readFileSync } from "node:fs";
import { RunwareServer } from "@runware/sdk-js";

const client = await RunwareServer.initialize({
  apiKey: process.env.API_KEY,
  url: process.env.WS_URL ?? "ws://127.0.0.1:8000/v1",
});
const picture = readFileSync("cat.jpg").toString("base64");
const result = await client.removeImageBackground({
  model: "embedded",
  inputImage: `data:image/jpeg;base64,${picture}`,
  outputFormat: "PNG",
  includeCost: true,
});
console.log(result.imageURL, result.cost);
process.exit(0);
