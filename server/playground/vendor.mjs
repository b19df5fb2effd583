// Renews assets/vendor from npm: node server/playground/vendor.mjs (make vendor).
// The slider's package brings no licence file: the one beside it is kept.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const PACKAGES = ["img-comparison-slider@8.0.7", "lucide-static@1.62.0"];
const ICONS = `brush check chevron-down circle-alert contrast copy crop download droplets eraser image image-plus
  key-round loader-circle maximize moon package plus redo-2 scissors shapes sun trash-2 undo-2 x zoom-in zoom-out`.split(/\s+/);

const target = fileURLToPath(new URL("assets/vendor/", import.meta.url));
const folder = mkdtempSync(path.join(tmpdir(), "vendor-"));
const from = (...names) => path.join(folder, "node_modules", ...names);
const to = (...names) => path.join(target, ...names);

try {
  execFileSync("npm", ["install", "--prefix", folder, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", ...PACKAGES], { stdio: "inherit" });
  for (const name of ["img-comparison-slider", "lucide"]) mkdirSync(to(name), { recursive: true });
  for (const file of ["index.js", "styles.css"]) copyFileSync(from("img-comparison-slider", "dist", file), to("img-comparison-slider", file));
  copyFileSync(from("lucide-static", "LICENSE"), to("lucide", "LICENSE"));
  writeFileSync(to("lucide", "icons.svg"), sprite());
  writeFileSync(to("VERSIONS"), `${PACKAGES.join("\n")}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

/** All icons in one file, each a symbol of its own name. */
function sprite() {
  const symbols = ICONS.map((name) => {
    const svg = readFileSync(from("lucide-static", "icons", `${name}.svg`), "utf8");
    const inner = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace("</svg>", "").replace(/\s*\n\s*/g, "");
    return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${inner}</symbol>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg">\n${symbols.join("\n")}\n</svg>\n`;
}
